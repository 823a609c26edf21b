import { expect, it } from "vitest";
import presets from "../dev/presets.json";
import schemaJson from "../dev/schema.json";
import type { Preset } from "../src/lib/api";
import { bigger, type Chosen, jobBody, place, strengthIsFixed } from "../src/lib/request";
import { parse, splitToken } from "../src/lib/route.svelte";
import { field, panels, read, type Schema } from "../src/lib/schema";

const schema = schemaJson as unknown as Schema;
const defaults = Object.fromEntries(Object.entries(schema.properties).map(([name, property]) => [name, property.default ?? null]));
const preset = (name: string) => (presets as unknown as Preset[]).find((item) => item.name === name) as Preset;
const chosen = (more: Partial<Chosen>): Chosen => ({
  content: "c",
  styles: [{ file: "s", weight: 0.4, mask: null, styleMask: null }],
  colorMask: null,
  start: null,
  preset: "impasto",
  given: {},
  ...more,
});

it("only what was changed is sent", () => {
  const body = jobBody(chosen({ preset: "bold", given: { strength: 0.7, seed: 0, size: 768, iterations: null } }), preset("bold"), defaults);
  expect(body.settings).toEqual({ preset: "bold", size: 768 });
});

it("what was emptied is what the preset says, so it is not sent", () => {
  const body = jobBody(chosen({ preset: "gatys2015", given: { iterations: null } }), preset("gatys2015"), defaults);
  expect(body.settings).toEqual({ preset: "gatys2015" });
});

it("a value that the preset changes can be set back to the default", () => {
  const body = jobBody(chosen({ preset: "bold", given: { strength: 0.5 } }), preset("bold"), defaults);
  expect(body.settings).toEqual({ preset: "bold", strength: 0.5 });
});

it("strength is not sent where both weights are given, since the server refuses it", () => {
  expect(strengthIsFixed(preset("coursera"), {})).toBe(true);
  expect(strengthIsFixed(preset("impasto"), { content_weight: 1, style_weight: 2 })).toBe(true);
  expect(strengthIsFixed(preset("impasto"), { content_weight: 1 })).toBe(false);
  expect(jobBody(chosen({ preset: "coursera", given: { strength: 0.9 } }), preset("coursera"), defaults).settings).toEqual({ preset: "coursera" });
});

it("one style has no weight to share", () => {
  expect(jobBody(chosen({}), preset("impasto"), defaults).styles[0]?.weight).toBe(1);
});

it("a colour mask goes with the content's colours only", () => {
  const body = (color: string) => jobBody(chosen({ colorMask: "m", given: { color } }), preset("impasto"), defaults);
  expect(body("content").color_mask).toBe("m");
  expect(body("match").color_mask).toBe(null);
});

it("bigger keeps the way in which the size was given", () => {
  expect(bigger(512, { width: 512, height: 342 }, 1.5)).toBe(768);
  expect(bigger([400, 300], { width: 400, height: 300 }, 2)).toEqual([800, 600]);
  expect(bigger([80, 48], { width: 80, height: 48 }, 1.5, 16)).toEqual([128, 80]); // 120 × 72 would be refused
  expect(bigger("original", { width: 641, height: 427 }, 2)).toBe(1282);
});

it("messages find their place", () => {
  const names = Object.keys(defaults);
  expect(place("size", names)).toBe("size");
  expect(place("settings.content_layers", names)).toBe("content_layers");
  expect(place("styles[1].mask", names)).toBe("styles");
  expect(place("nobody", names)).toBe("");
});

it("every setting without a place of its own is among the advanced ones, once", () => {
  const names = panels(schema).flatMap(({ fields }) => fields.map(({ name }) => name));
  expect(new Set(names).size).toBe(names.length);
  expect(names).toContain("lbfgs_history");
  expect(names).not.toContain("strength");
});

it("fields read what people type, and say what is wrong with it", () => {
  const of = (name: string) => field(name, schema.properties[name] as Schema["properties"][string]);
  expect(read(of("iterations"), "")).toEqual({ value: null });
  expect(read(of("iterations"), "1.5")).toHaveProperty("problem");
  expect(read(of("margin"), "65")).toEqual({ problem: "Give a number from 0 to 64." });
  expect(read(of("content_layers"), "conv4_2:0.7, conv3_2:0.3")).toEqual({ value: { conv4_2: 0.7, conv3_2: 0.3 } });
  expect(read(of("content_layers"), "conv4_2:much")).toHaveProperty("problem");
  expect(read(of("style_pull"), "1, 0.5")).toEqual({ value: [1, 0.5] });
  expect(read(of("style_strokes"), "fine,coarse")).toEqual({ value: ["fine", "coarse"] });
});

it("the token leaves the address, and the route stays", () => {
  expect(splitToken("#token=abc")).toEqual({ token: "abc", rest: "#/" });
  expect(splitToken("#token=a%2Fb&/job/7")).toEqual({ token: "a/b", rest: "#/job/7" });
  expect(splitToken("#/job/7")).toEqual({ token: null, rest: "#/job/7" });
  expect(parse("#/job/7")).toEqual({ view: "job", ids: ["7"] });
  expect(parse("#/compare/1/2")).toEqual({ view: "compare", ids: ["1", "2"] });
  expect(parse("#/elsewhere").view).toBe("nowhere");
  expect(parse("#/job/%").view).toBe("nowhere");
  expect(parse("#/job/..%2Fabout").view).toBe("nowhere");
  expect(splitToken("#token=50%")).toEqual({ token: "50%", rest: "#/" });
});
