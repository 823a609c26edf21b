// What the server says once: limits, presets, samples, the schema of the settings.

import { type About, call, checkSession, type Preset, type Samples, type Settings, words } from "./api";
import { panels, type Schema } from "./schema";

class Server {
  about = $state.raw<About | null>(null);
  presets = $state.raw<Preset[]>([]);
  samples = $state.raw<Samples>({ contents: [], styles: [] });
  schema = $state.raw<Schema | null>(null);
  problem = $state<string | null>(null);
  locked = $state(false);

  defaults = $derived<Settings>(
    Object.fromEntries(Object.entries(this.schema?.properties ?? {}).map(([name, { default: value }]) => [name, value ?? null])),
  );
  panels = $derived(this.schema ? panels(this.schema) : []);

  async load(): Promise<void> {
    this.problem = null;
    try {
      [this.about, this.schema, this.presets] = await Promise.all([
        call<About>("/about"),
        call<Schema>("/settings/schema"),
        call<Preset[]>("/presets"),
      ]);
    } catch (problem) {
      this.problem = words(problem);
      return;
    }
    // without samples everything else still works
    this.samples = await call<Samples>("/samples").catch(() => ({ contents: [], styles: [] }));
  }

  /** Workers come and go while the page is open. */
  async look(): Promise<void> {
    const about = await call<About>("/about").catch(() => null);
    if (!about) return;
    this.about = about;
    if (about.token_needed) await checkSession(); // no stream on this page tells that the server is another one
  }
}

export const server = new Server();

const OWN = ["impasto", "portrait", "landscape", "faithful-colour", "bold"];

export function groups(presets: Preset[]): { own: Preset[]; published: Preset[] } {
  const own = OWN.flatMap((name) => presets.filter((preset) => preset.name === name));
  return { own, published: presets.filter(({ name }) => !OWN.includes(name)) };
}
