// A job as its page shows it: fetched once, followed by events, and fetched again after a lost connection.

import { ApiError, call, type Job, type LossRecord, preview, type Progress, words } from "./api";
import { seconds } from "./format";
import { hasPicture, isOver, pictureStep, share, title, WORDS } from "./jobs";
import { listen } from "./live.svelte";

export class Following {
  job = $state.raw<Job | null>(null);
  records = $state.raw<LossRecord[]>([]);
  src = $state("");
  /** For a screen reader. */
  said = $state("");
  missing = $state<string | null>(null);
  /** Takes the answer to what was done with the job. */
  acted: (now: Job) => void = () => {};

  /** Follows a job until the returned function is called. */
  follow(id: string): () => void {
    let stop: (() => void) | null = null;
    let over = false;
    let heard = 0;
    let wanted = "";
    let tenth = -1;
    this.job = null;
    this.missing = null;
    this.records = [];
    this.src = "";
    this.said = "";

    const leave = (): void => {
      stop?.();
      stop = null;
    };

    const losses = () => call<{ records: LossRecord[] }>(`/jobs/${id}/losses`);

    const fetchAll = async (): Promise<void> => {
      const before = heard;
      try {
        const now = await call<Job>(`/jobs/${id}`);
        if (over) return;
        if (heard === before) take(now); // else an event has told more since
        const { records } = await losses().catch(() => ({ records: [] }));
        if (!over) this.records = [...records, ...this.records.filter(({ step }) => step > (records.at(-1)?.step ?? 0))];
      } catch (failure) {
        if (over) return;
        if (failure instanceof ApiError && failure.status === 404) {
          this.missing = "This picture is not here any more. It may have been deleted.";
          leave();
        } else if (!this.job) {
          this.missing = words(failure);
        }
      }
    };

    const listening = () =>
      listen(`/jobs/${id}/events`, {
        events: {
          job: (now: Job) => {
            heard += 1;
            take(now);
          },
          progress: (now: Progress) => progressed(now),
          preview: ({ step }: { step: number }) => void show(step),
        },
        back: () => void fetchAll(),
        refused: () => void fetchAll(),
      });

    const take = (now: Job): void => {
      const before = this.job?.state;
      this.job = now;
      if (hasPicture(now)) void show(pictureStep(now));
      if (before !== now.state || !this.said) announce(true);
      if (!isOver(now)) stop ??= listening();
      else {
        leave();
        if (before && before !== now.state) void losses().then(({ records }) => !over && (this.records = records), () => {});
      }
    };

    const progressed = (now: Progress): void => {
      if (!this.job) return;
      this.job = { ...this.job, progress: now };
      if (now.loss !== null && now.step > (this.records.at(-1)?.step ?? 0)) this.records = [...this.records, { ...now, loss: now.loss }];
      if (now.preview_step && !this.src) void show(now.preview_step);
      announce(false);
    };

    /** The next picture takes the place of the one before when it is there whole, so that nothing flickers. */
    const show = async (step: number | string): Promise<void> => {
      const next = preview(id, 1024, step);
      if (next === wanted) return;
      wanted = next;
      const image = new Image();
      image.src = next;
      try {
        await image.decode();
      } catch {
        if (wanted === next) wanted = "";
        return;
      }
      if (wanted === next && !over) this.src = next;
    };

    const announce = (state: boolean): void => {
      const job = this.job;
      if (!job) return;
      const now = Math.floor(share(job.progress) * 10);
      if (state) this.said = `${title(job)}: ${WORDS[job.state]}${job.position ? `, place ${job.position} in the queue` : ""}`;
      else if (now !== tenth) this.said = `${now * 10} %${job.progress?.seconds_left != null ? `, ${seconds(job.progress.seconds_left)} left` : ""}`;
      tenth = now;
    };

    this.acted = (now) => {
      heard += 1;
      take({ ...now, progress: now.progress ?? this.job?.progress ?? null });
    };
    void fetchAll();
    return () => {
      over = true;
      leave();
    };
  }
}
