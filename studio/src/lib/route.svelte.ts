// Where in the studio one is: #/, #/job/ID, #/gallery, #/compare/ID/ID.  #token=… is taken away before anything sees it.

import { keepToken } from "./api";

export interface Route {
  view: "new" | "job" | "gallery" | "compare" | "nowhere";
  ids: string[];
}

/** Text that was never encoded, as a lone %, stays as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function parse(hash: string): Route {
  const [view = "", ...ids] = hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decoded);
  if (!ids.every((id) => /^[\w-]+$/.test(id))) return { view: "nowhere", ids: [] };
  if (view === "") return { view: "new", ids: [] };
  if (view === "job" && ids.length === 1) return { view: "job", ids };
  if (view === "gallery") return { view: "gallery", ids: [] };
  if (view === "compare" && ids.length === 2) return { view: "compare", ids };
  return { view: "nowhere", ids: [] };
}

/** `#token=T` or `#token=T&/job/ID`: the token, and the hash without it. */
export function splitToken(hash: string): { token: string | null; rest: string } {
  const match = /^#token=([^&]*)&?(.*)$/.exec(hash);
  if (!match) return { token: null, rest: hash };
  const rest = match[2] ?? "";
  return { token: decoded(match[1] ?? ""), rest: rest ? `#/${rest.replace(/^#?\/?/, "")}` : "#/" };
}

export function takeToken(): string | null {
  const { token, rest } = splitToken(location.hash);
  if (token === null) return null;
  history.replaceState(null, "", rest);
  keepToken(token);
  return token;
}

class Router {
  now = $state.raw<Route>({ view: "new", ids: [] });

  read(): void {
    this.now = parse(location.hash);
  }
}

export const router = new Router();

export function go(hash: string): void {
  if (location.hash === hash) router.read();
  else location.hash = hash;
}
