import { expect, it } from "vitest";
import type { Job, JobState } from "../src/lib/api";
import { canAct, canSave, summary } from "../src/lib/jobs";

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

it("a texture is said to be one, and has no strength", () => {
  const of = (content: unknown, more: object) => summary({ content, settings: { preset: "impasto", size: [512, 256], strength: 0.5, color: "style", ...more }, result: null } as unknown as Job);
  expect(of({ id: "c" }, {})).toBe("impasto · 512 × 256 px · strength 0.5");
  expect(of(null, {})).toBe("impasto · 512 × 256 px · texture");
  expect(of(null, { tileable: true })).toBe("impasto · 512 × 256 px · tileable texture");
});
