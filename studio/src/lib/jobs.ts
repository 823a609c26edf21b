// What jobs are called and what may be done with them.

import type { Job, JobState, Progress } from "./api";
import { sizeOf } from "./format";

export const WORDS: Record<JobState, string> = {
  queued: "queued",
  running: "running",
  pausing: "pausing",
  paused: "paused",
  finished: "finished",
  failed: "failed",
  cancelled: "stopped",
};

export const isOver = ({ state }: Job): boolean => state === "finished" || state === "failed" || state === "cancelled";
export const isBusy = ({ state }: Job): boolean => state === "queued" || state === "running" || state === "pausing" || state === "paused";
export const hasPicture = (job: Job): boolean => job.result !== null || job.progress?.preview_step != null;
/** A stopped job can be gone on with as a paused one can. */
export const canAct = (job: Job): boolean => isBusy(job) || job.state === "cancelled";
export const canSave = (job: Job): boolean => job.state === "finished" || ((job.state === "paused" || job.state === "cancelled") && hasPicture(job));

export function title(job: Job): string {
  if (job.name) return job.name;
  const styles = job.styles.map(({ name }) => name).join(" and ");
  return job.content ? `${job.content.name} in ${styles}` : styles;
}

export function summary(job: Job): string {
  const { preset, size, strength, color, tileable } = job.settings;
  return [
    preset,
    job.result ? `${job.result.width} × ${job.result.height} px` : sizeOf(size),
    job.content ? "" : tileable ? "tileable texture" : "texture",
    job.content && typeof strength === "number" ? `strength ${Number(strength.toFixed(2))}` : "",
    color && color !== "style" ? `colour ${color}` : "",
  ]
    .filter(Boolean)
    .join(" · ");
}

export const share = (progress: Progress | null): number => (progress && progress.steps > 0 ? Math.min(1, progress.step / progress.steps) : 0);

/** The address part that changes whenever the picture does. */
export const pictureStep = (job: Job): number | string => (job.state === "finished" ? "final" : (job.progress?.preview_step ?? 0));

/** The settings in which two jobs differ. */
export function differences(a: Job, b: Job): { name: string; left: unknown; right: unknown }[] {
  const names = new Set([...Object.keys(a.settings), ...Object.keys(b.settings)]);
  return [...names]
    .map((name) => ({ name, left: a.settings[name], right: b.settings[name] }))
    .filter(({ left, right }) => JSON.stringify(left ?? null) !== JSON.stringify(right ?? null));
}
