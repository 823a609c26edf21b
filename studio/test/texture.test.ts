import { expect, it } from "vitest";
import presets from "../dev/presets.json";
import schemaJson from "../dev/schema.json";
import type { Preset } from "../src/lib/api";
import { type Chosen, jobBody } from "../src/lib/request";
import type { Schema } from "../src/lib/schema";
import { asTexture, givenOf } from "../src/lib/texture";

const schema = schemaJson as unknown as Schema;
const defaults = Object.fromEntries(Object.entries(schema.properties).map(([name, property]) => [name, property.default ?? null]));
const preset = (name: string) => (presets as unknown as Preset[]).find((item) => item.name === name) as Preset;
const body = (name: string, given: Chosen["given"]) => {
  const chosen: Chosen = { content: "c", styles: [{ file: "s", weight: 1, mask: "m", styleMask: "n" }], colorMask: "k", start: null, preset: name, given };
  return jobBody(asTexture(chosen, preset(name)), preset(name), defaults);
};

it("a texture starts from noise, has no content, and a size of its own", () => {
  expect(body("impasto", {})).toEqual({
    content: null,
    styles: [{ file: "s", weight: 1, mask: null, style_mask: "n" }],
    color_mask: null,
    start: null,
    settings: { preset: "impasto", init: "noise", size: [512, 512], content_weight: 0 },
  });
});

it("what is said of the content is not sent, and a preset's colours of it are not laid over the texture", () => {
  expect(body("faithful-colour", { strength: 0.9, content_layers: { conv1_1: 1 }, tileable: true }).settings).toEqual({
    preset: "faithful-colour", init: "noise", size: [512, 512], content_weight: 0, color: "style", tileable: true,
  });
});

it("a preset that has a size keeps it, and a start that was chosen stays", () => {
  expect(body("coursera", { init: "style" }).settings).toEqual({ preset: "coursera", init: "style", content_weight: 0 });
});

it("an emptied field is the texture's own start, not the preset's", () => {
  expect(body("coursera", { init: null }).settings.init).toBe("noise");
});

it("a texture that is loaded again shows only what was changed", () => {
  const { preset: _, ...sent } = body("impasto", { tileable: true, size: [640, 320] }).settings;
  expect(givenOf(sent, preset("impasto"))).toEqual({ tileable: true, size: [640, 320] });
  const { preset: __, ...plain } = body("faithful-colour", {}).settings;
  expect(givenOf(plain, preset("faithful-colour"))).toEqual({});
});
