import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { keepToken, onUnauthorized } from "../src/lib/api";
import { connection, listen } from "../src/lib/live.svelte";

class Source {
  static CLOSED = 2;
  static all: Source[] = [];
  readyState = 0;
  onopen = () => {};
  onerror = () => {};
  constructor(readonly path: string) {
    Source.all.push(this);
  }
  addEventListener(): void {}
  close(): void {
    this.readyState = Source.CLOSED;
  }
}

let kept: Record<string, string> = {};
let asked: string[] = [];
let known = false;
let locked = 0;

beforeEach(() => {
  vi.useFakeTimers();
  [kept, asked, known, locked, Source.all] = [{}, [], false, 0, []];
  vi.stubGlobal("EventSource", Source);
  vi.stubGlobal("sessionStorage", {
    getItem: (name: string) => kept[name] ?? null,
    setItem: (name: string, value: string) => (kept[name] = value),
    removeItem: (name: string) => delete kept[name],
  });
  // a server that was started anew: it takes the token "right", and no cookie from before
  vi.stubGlobal("fetch", async (path: string, { headers = {} }: { headers?: Record<string, string> } = {}) => {
    asked.push(path.replace(/^.*v1/, ""));
    if (path.endsWith("/session") && headers.Authorization === "Bearer right") known = true;
    return new Response(null, { status: known ? 204 : 401 });
  });
  onUnauthorized(() => (locked += 1));
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function refusedOnce(): Promise<() => void> {
  const stop = listen("/events", { events: {} });
  const [first] = Source.all as [Source];
  first.readyState = Source.CLOSED;
  first.onerror();
  expect(connection.lost).toBe(true);
  await vi.advanceTimersByTimeAsync(1000);
  return stop;
}

it("a stream that was refused gets a new cookie before it is opened again", async () => {
  keepToken("right");
  const stop = await refusedOnce();
  expect(asked).toEqual(["/presets", "/session"]);
  expect(Source.all).toHaveLength(2);
  Source.all[1]?.onopen();
  expect(connection.lost).toBe(false);
  expect(locked).toBe(0);
  stop();
});

it("where the cookie still counts no other is asked for", async () => {
  known = true;
  keepToken("right");
  (await refusedOnce())();
  expect(asked).toEqual(["/presets"]);
});

it("without a token that the server takes the page asks for one", async () => {
  (await refusedOnce())();
  expect(locked).toBe(1);
});

it("a stream that nobody listens to any more is not opened again", async () => {
  keepToken("right");
  const stop = listen("/events", { events: {} });
  const [first] = Source.all as [Source];
  first.readyState = Source.CLOSED;
  first.onerror();
  stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(Source.all).toHaveLength(1);
});
