// A texture of the style alone, with no content: what of the form then counts, as `impasto texture` has it.

import type { Preset, Settings } from "./api";
import type { Chosen } from "./request";
import { same } from "./schema";

/** Settings that say something about the content only. */
export const OF_CONTENT = ["strength", "content_weight", "content_layers", "content_loss", "content_reduction", "color", "color_amount"];

/** What stands in for the preset's or the default value. */
export function ownBase(preset: Preset | undefined): Settings {
  return { init: "noise", size: preset?.values.size ?? [512, 512] };
}

export function asTexture(chosen: Chosen, preset: Preset | undefined): Chosen {
  const given = Object.fromEntries(Object.entries(chosen.given).filter(([name, value]) => !OF_CONTENT.includes(name) && value != null));
  return {
    ...chosen,
    content: null,
    colorMask: null,
    styles: chosen.styles.map((style) => ({ ...style, mask: null })),
    given: { ...ownBase(preset), ...given, content_weight: 0, color: "style" },
  };
}

/** The way back, for a job that is loaded into the form. */
export function givenOf(settings: Settings, preset: Preset | undefined): Settings {
  const base = ownBase(preset);
  return Object.fromEntries(Object.entries(settings).filter(([name, value]) => !OF_CONTENT.includes(name) && !(name in base && same(value, base[name]))));
}
