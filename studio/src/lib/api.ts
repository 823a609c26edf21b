// The server's HTTP API: its types, and one function that calls it.

import { sentence } from "./format";

export type JobState = "queued" | "running" | "pausing" | "paused" | "finished" | "failed" | "cancelled";

export interface Parts {
  content?: number | null;
  style?: number | null;
  variation?: number | null;
}

export interface Progress {
  step: number;
  steps: number;
  level: number;
  levels: number;
  width: number;
  height: number;
  iteration: number;
  iterations: number;
  loss: number | null;
  parts: Parts;
  seconds: number;
  seconds_left: number | null;
  preview_step: number | null;
}

export interface JobStyle {
  id: string;
  name: string;
  kind?: "picture" | "style";
  weight: number;
  mask: string | null;
  style_mask: string | null;
}

export type Settings = Record<string, unknown>;

export interface Job {
  id: string;
  name: string | null;
  state: JobState;
  created: string;
  started: string | null;
  ended: string | null;
  position: number | null;
  priority: number;
  content: { id: string; name: string; width: number; height: number } | null;
  styles: JobStyle[];
  color_mask: string | null;
  start: string | null;
  settings: Settings;
  given: Settings;
  progress: Progress | null;
  error: { code: string; message: string } | null;
  result: { width: number; height: number; seconds: number; loss: number | null } | null;
  parent: string | null;
  warnings: string[];
}

export interface LossRecord {
  step: number;
  level: number;
  width: number;
  height: number;
  iteration: number;
  loss: number;
  parts: Parts;
}

export interface StoredFile {
  id: string;
  name: string;
  bytes: number;
  width: number | null;
  height: number | null;
  kind: "picture" | "style";
}

export interface Sample {
  id: string;
  name: string;
  title: string;
  author: string;
  licence: string;
}

export interface Samples {
  contents: Sample[];
  styles: Sample[];
}

export interface Preset {
  name: string;
  title: string;
  source: string;
  values: Settings;
}

export interface About {
  version: string;
  token_needed: boolean;
  limits: { upload_bytes: number; upload_pixels: number; queue: number; files_per_job: number };
  formats: { input: string[]; output: string[] };
  worker: { alive: boolean; count: number };
}

export interface Estimate {
  seconds: number;
  bytes: number;
  free_bytes: number | null;
  levels: unknown[];
  width: number;
  height: number;
}

export interface JobBody {
  name?: string;
  content: string | null;
  styles: { file: string; weight: number; mask: string | null; style_mask: string | null }[];
  color_mask: string | null;
  start: string | null;
  settings: Settings;
  priority?: number;
}

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly field: string | null = null,
  ) {
    super(message);
  }
}

const BASE = new URL("api/v1", typeof document === "undefined" ? "http://localhost/" : document.baseURI).pathname;
const TOKEN = "impasto.token";

export function url(path: string): string {
  return BASE + path;
}

export function thumbnail(id: string, side = 320): string {
  return url(`/files/${id}/thumbnail?side=${side}`);
}

export function preview(id: string, side: number, step: number | string): string {
  return url(`/jobs/${id}/preview?side=${side}&step=${step}`);
}

export function token(): string | null {
  try {
    return sessionStorage.getItem(TOKEN);
  } catch {
    return null;
  }
}

export function keepToken(value: string | null): void {
  try {
    if (value) sessionStorage.setItem(TOKEN, value);
    else sessionStorage.removeItem(TOKEN);
  } catch {
    // private windows may have no storage; the cookie is enough then
  }
}

/** Trades the token for the cookie that pictures and event streams need.  False where the server does not take it. */
export async function openSession(value: string): Promise<boolean> {
  const answer = await fetch(url("/session"), { method: "POST", headers: { Authorization: `Bearer ${value}` } });
  return answer.ok;
}

let unauthorized: () => void = () => {};
export function onUnauthorized(listener: () => void): void {
  unauthorized = listener;
}

/** A new cookie, by the token that is kept or by the cookie that still counts. */
export async function renewSession(): Promise<void> {
  const bearer = token();
  try {
    const answer = await fetch(url("/session"), { method: "POST", headers: bearer ? { Authorization: `Bearer ${bearer}` } : {} });
    if (answer.status === 401) unauthorized();
  } catch {
    // the server is away; who needs it asks again
  }
}

/** Renews the cookie only where it counts no more, as after a restart of the server: requests with the token do not show it. */
export async function checkSession(): Promise<void> {
  try {
    const answer = await fetch(url("/presets"), { cache: "no-store" });
    if (answer.status === 401) await renewSession();
  } catch {
    // as above
  }
}

export const OFFLINE = "The server does not answer. Check that “impasto serve” is still running, then try again.";

export async function errorOf(answer: Response): Promise<ApiError> {
  return errorFrom(answer.status, await answer.text().catch(() => ""));
}

export function errorFrom(status: number, text: string): ApiError {
  try {
    const { error } = JSON.parse(text);
    if (error?.message) return new ApiError(status, error.code ?? "error", error.message, error.field ?? null);
  } catch {
    // not JSON: a proxy's page, or nothing
  }
  if (status === 413) return new ApiError(413, "too_large", "The file is larger than the server accepts.");
  if (status === 502 || status === 503 || status === 504) return new ApiError(status, "unavailable", OFFLINE);
  return new ApiError(status, "error", `The server answered with ${status} and no explanation.`);
}

interface Call {
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export async function call<T>(path: string, { method, body, headers = {}, signal }: Call = {}, again = true): Promise<T> {
  const bearer = token();
  const init: RequestInit = { method: method ?? (body === undefined ? "GET" : "POST"), headers: { ...headers }, signal };
  const sent = init.headers as Record<string, string>;
  if (bearer) sent.Authorization = `Bearer ${bearer}`;
  if (body !== undefined) {
    sent["Content-Type"] = "application/json";
    init.body = JSON.stringify(body);
  }
  let answer: Response;
  try {
    answer = await fetch(url(path), init);
  } catch (problem) {
    if (signal?.aborted) throw problem;
    throw new ApiError(0, "offline", OFFLINE);
  }
  if (answer.status === 401) {
    if (again && bearer && (await openSession(bearer).catch(() => false)))
      return call(path, { method, body, headers, signal }, false);
    unauthorized();
  }
  if (!answer.ok) throw await errorOf(answer);
  if (answer.status === 204) return undefined as T;
  return (await answer.json()) as T;
}

/** Sends one file; says how much of it has gone. */
export function upload(file: Blob, name: string, onpart?: (share: number) => void, signal?: AbortSignal): Promise<StoredFile> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url("/files"));
    const bearer = token();
    if (bearer) request.setRequestHeader("Authorization", `Bearer ${bearer}`);
    request.upload.onprogress = (event) => event.lengthComputable && onpart?.(event.loaded / event.total);
    request.onerror = () => reject(new ApiError(0, "offline", OFFLINE));
    request.onabort = () => reject(new DOMException("given up", "AbortError"));
    request.onload = () => {
      if (request.status === 401) unauthorized();
      if (request.status < 200 || request.status > 299) return reject(errorFrom(request.status, request.responseText));
      try {
        const stored = (JSON.parse(request.responseText) as StoredFile[])[0];
        if (!stored) throw new Error("empty");
        resolve(stored);
      } catch {
        reject(new ApiError(request.status, "error", "The server's answer to the upload could not be read."));
      }
    };
    signal?.addEventListener("abort", () => request.abort());
    const form = new FormData();
    form.append("file", file, name);
    request.send(form);
  });
}

export function words(problem: unknown): string {
  return sentence(problem instanceof Error ? problem.message : String(problem));
}
