// Event streams that come back by themselves.

import { checkSession, url } from "./api";

class Connection {
  lost = $state(false);
}

export const connection = new Connection();

export interface Handlers {
  events: Record<string, (data: never) => void>;
  /** Called after a lost connection is there again: what happened meanwhile has to be fetched. */
  back?: () => void;
  /** Called each time that the server refuses the stream: it may be gone for good. */
  refused?: () => void;
}

/** Listens until the returned function is called. */
export function listen(path: string, { events, back, refused }: Handlers): () => void {
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let wait = 1000;
  let broken = false;
  let done = false;

  function open(): void {
    source = new EventSource(url(path));
    source.onopen = () => {
      wait = 1000;
      connection.lost = false;
      if (broken) back?.();
      broken = false;
    };
    source.onerror = () => {
      if (done) return;
      broken = true;
      connection.lost = true;
      // After an answer that is no stream (a proxy's 502, a restart) the browser gives up; then it is on us.
      if (source?.readyState === EventSource.CLOSED) {
        clearTimeout(timer);
        timer = setTimeout(() => void again(), wait);
        wait = Math.min(wait * 2, 10_000);
        refused?.();
      }
    };
    for (const [name, handler] of Object.entries(events))
      source.addEventListener(name, (event) => {
        if (!done) handler(JSON.parse((event as MessageEvent).data) as never);
      });
  }

  /** A stream cannot say that it was refused for its cookie, which a restarted server does not know. */
  async function again(): Promise<void> {
    await checkSession();
    if (!done) open();
  }

  open();
  return () => {
    done = true;
    clearTimeout(timer);
    source?.close();
    if (broken) connection.lost = false;
  };
}
