// What the form says, as the body of a request.

import type { JobBody, Preset, Settings } from "./api";
import { same } from "./schema";

export interface Chosen {
  content: string | null;
  styles: { file: string; weight: number; mask: string | null; styleMask: string | null }[];
  colorMask: string | null;
  start: string | null;
  preset: string;
  given: Settings;
  name?: string;
}

/** A preset (or the settings beside it) that gives both weights leaves nothing for strength to do; the server refuses it then. */
export function strengthIsFixed(preset: Preset | undefined, given: Settings): boolean {
  const all = { ...preset?.values, ...given };
  return all.content_weight != null && all.style_weight != null;
}

/** Only what differs from what the preset and the defaults say. */
export function changed(given: Settings, preset: Preset | undefined, defaults: Settings): Settings {
  const kept: Settings = {};
  for (const [name, value] of Object.entries(given)) {
    const base = preset && name in preset.values ? preset.values[name] : defaults[name];
    if (value != null && !same(value, base)) kept[name] = value;
  }
  if (strengthIsFixed(preset, given)) delete kept.strength;
  return kept;
}

export function jobBody(chosen: Chosen, preset: Preset | undefined, defaults: Settings): JobBody {
  const settings = changed(chosen.given, preset, defaults);
  const color = settings.color ?? preset?.values.color ?? defaults.color;
  if (color === "style") delete settings.color_amount;
  return {
    ...(chosen.name ? { name: chosen.name } : {}),
    content: chosen.content,
    styles: chosen.styles.map(({ file, weight, mask, styleMask }) => ({
      file,
      weight: chosen.styles.length === 1 ? 1 : weight,
      mask,
      style_mask: styleMask,
    })),
    color_mask: color === "content" ? chosen.colorMask : null,
    start: chosen.start,
    settings: { preset: chosen.preset, ...settings },
  };
}

export const TILE_UNIT = 16; // what the sides of a tileable picture are multiples of

/** The size of a run repeated larger. */
export function bigger(size: unknown, made: { width: number; height: number }, factor: number, unit = 1): number | [number, number] {
  const side = (value: unknown) => Math.round((Number(value) * factor) / unit) * unit;
  if (Array.isArray(size) && size.length === 2) return [side(size[0]), side(size[1])];
  return side(typeof size === "number" ? size : Math.max(made.width, made.height));
}

/** Where on the page the message about a field belongs: "settings.size" at the size, "styles[1].mask" at the styles; "" is beside Start. */
export function place(field: string, settings: string[]): string {
  const parts = field.split(/[.[\]]+/).filter((part) => part && part !== "settings");
  const [first = ""] = parts;
  if (first === "style_weights") return "styles";
  if (first === "color_mask") return "content";
  return ["content", "styles", ...settings].includes(first) ? first : "";
}

/** A key that no other request has; randomUUID is missing where the page is not on https or localhost. */
export function freshKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
