import { expect, it } from "vitest";
import type { Job, JobState } from "../src/lib/api";
import { canAct, canSave } from "../src/lib/jobs";

const job = (state: JobState, preview_step: number | null) => ({ state, result: null, progress: { preview_step } }) as unknown as Job;

it("a job that stopped with a picture can be saved and gone on with", () => {
  for (const state of ["paused", "cancelled"] as const) {
    expect(canSave(job(state, 20))).toBe(true);
    expect(canSave(job(state, null))).toBe(false);
    expect(canAct(job(state, null))).toBe(true);
  }
  expect(canSave(job("running", 20))).toBe(false);
  expect(canSave(job("failed", 20))).toBe(false);
  expect(canAct(job("failed", 20))).toBe(false);
  expect(canAct(job("finished", 20))).toBe(false);
});
