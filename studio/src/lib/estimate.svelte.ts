// Time and memory of what the form says, asked for when the form has been still for a moment.

import { ApiError, call, type Estimate, words } from "./api";
import { form } from "./form.svelte";

class Estimator {
  value = $state.raw<Estimate | null>(null);
  busy = $state(false);
  problem = $state<string | null>(null);
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asked: AbortController | null = null;
  private last = "";

  /** To be called in an effect: whatever it reads starts a new estimate. */
  follow(): void {
    const ready = form.missing === null;
    const { name: _, ...body } = form.body();
    const text = JSON.stringify(body);
    if (!ready) {
      this.stop();
      this.last = "";
      this.value = null;
      this.problem = null;
      return;
    }
    if (text === this.last) return;
    this.stop();
    this.last = text;
    this.busy = true;
    this.timer = setTimeout(() => void this.ask(text), 600);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.asked?.abort();
    this.asked = null;
    if (this.busy) this.last = ""; // it was never answered
    this.busy = false;
  }

  private async ask(text: string): Promise<void> {
    const asked = new AbortController();
    this.asked = asked;
    try {
      this.value = await call<Estimate>("/estimate", { body: JSON.parse(text), signal: asked.signal });
      this.problem = null;
    } catch (problem) {
      if (asked.signal.aborted) return;
      if (problem instanceof ApiError && problem.status === 429) {
        this.timer = setTimeout(() => void this.ask(text), 1500);
        return;
      }
      if (problem instanceof ApiError && problem.field && problem.status === 422) form.fail(problem);
      this.problem = words(problem);
      this.value = null;
    }
    if (this.asked === asked) this.busy = false;
  }
}

export const estimator = new Estimator();
