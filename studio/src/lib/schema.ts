// The advanced settings: from the server's JSON schema to fields of a form, and back from text to values.

export interface Property {
  title?: string;
  description?: string;
  default?: unknown;
  type?: string;
  enum?: (string | number)[];
  const?: unknown;
  anyOf?: Property[];
  items?: Property;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  ge?: number;
  "x-panel"?: string;
  "x-advanced"?: boolean;
}

export interface Schema {
  properties: Record<string, Property>;
}

export type Kind = "choice" | "yesno" | "whole" | "number" | "list" | "weights" | "text";

export interface Field {
  name: string;
  label: string;
  hint: string;
  kind: Kind;
  nullable: boolean;
  fallback: unknown;
  choices: (string | number)[];
  minimum?: number;
  maximum?: number;
  panel: string;
}

/** Settings that have their own place on the page. */
export const MAIN = ["preset", "size", "strength", "color", "color_amount", "style_scale", "style_weights"];

export const PANELS: [string, string][] = [
  ["look", "Look"],
  ["terms", "Terms of J"],
  ["search", "Search"],
  ["start", "Start"],
  ["files", "Files"],
];

const LABELS: Record<string, string> = {
  lbfgs_history: "L-BFGS history",
  lbfgs_metric: "L-BFGS metric",
  optimizer: "Optimiser",
  init: "Start",
  color: "Colour",
  color_amount: "Colour amount",
  normalize: "Normalise",
  dpi: "DPI",
  content_weight: "Content weight α",
  style_weight: "Style weight β",
  variation_weight: "Variation weight γ",
};

export function label(name: string): string {
  const text = LABELS[name] ?? name.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function field(name: string, property: Property): Field {
  const options = property.anyOf ?? [property];
  const nullable = options.some((option) => option.type === "null");
  const first: Property = { ...property, ...(options.find((option) => option.type !== "null") ?? {}) };
  let kind: Kind = "text";
  if (first.enum) kind = "choice";
  else if (first.type === "boolean") kind = "yesno";
  else if (first.type === "integer") kind = "whole";
  else if (first.type === "number") kind = "number";
  else if (first.type === "array") kind = "list";
  else if (first.type === "object") kind = "weights";
  return {
    name,
    label: label(name),
    hint: property.description ?? "",
    kind,
    nullable,
    fallback: property.default ?? null,
    choices: first.enum ?? [],
    minimum: first.minimum ?? first.exclusiveMinimum ?? first.ge,
    maximum: first.maximum ?? first.exclusiveMaximum,
    panel: property["x-panel"] ?? "search",
  };
}

export function panels(schema: Schema): { name: string; title: string; fields: Field[] }[] {
  const all = Object.entries(schema.properties)
    .filter(([name]) => !MAIN.includes(name))
    .sort(([, a], [, b]) => Number(a["x-advanced"] ?? true) - Number(b["x-advanced"] ?? true))
    .map(([name, property]) => field(name, property));
  const known = PANELS.map(([name]) => name);
  return [...PANELS, ...new Set(all.map(({ panel }) => panel).filter((name) => !known.includes(name)))]
    .map((panel) => (typeof panel === "string" ? ([panel, label(panel)] as const) : panel))
    .map(([name, title]) => ({ name, title, fields: all.filter(({ panel }) => panel === name) }))
    .filter(({ fields }) => fields.length > 0);
}

export function same(a: unknown, b: unknown): boolean {
  if (typeof a === "number" && typeof b === "number") return Math.abs(a - b) < 1e-9;
  if (a && b && typeof a === "object" && typeof b === "object") {
    const [left, right] = [Object.entries(a), Object.entries(b)];
    return left.length === right.length && left.every(([name, item]) => same(item, (b as Record<string, unknown>)[name]));
  }
  return (a ?? null) === (b ?? null);
}

export type Read = { value: unknown } | { problem: string };

/** The value that a person typed into a field, or what is wrong with it. */
export function read(field: Field, text: string): Read {
  const typed = text.trim();
  if (typed === "") {
    if (field.nullable) return { value: null };
    return { problem: `${field.label} needs a value.` };
  }
  if (field.kind === "whole" || field.kind === "number") {
    const value = Number(typed.replace(",", "."));
    if (!Number.isFinite(value)) return { problem: `A number is needed, not “${typed}”.` };
    if (field.kind === "whole" && !Number.isInteger(value)) return { problem: "A whole number is needed." };
    const { minimum, maximum } = field;
    if ((minimum !== undefined && value < minimum) || (maximum !== undefined && value > maximum))
      return { problem: range(minimum, maximum) };
    return { value };
  }
  if (field.kind === "list") {
    const items = typed.split(/[,;]\s*|\s+/).filter(Boolean);
    const numbers = items.map(Number);
    return { value: numbers.every(Number.isFinite) ? numbers : items };
  }
  if (field.kind === "weights") {
    const weights: Record<string, number> = {};
    for (const item of typed.split(/[,;]\s*|\s+/).filter(Boolean)) {
      const [name, weight, more] = item.split(/[:=]/);
      const value = weight === undefined ? 1 : Number(weight);
      if (!name || more !== undefined || weight === "" || !Number.isFinite(value))
        return { problem: `“${item}” is not a layer and its weight; write them as conv4_2:1, conv3_2:0.3.` };
      weights[name] = value;
    }
    return { value: weights };
  }
  if (field.kind === "yesno") return { value: typed === "true" };
  if (field.kind === "choice") return { value: field.choices.find((choice) => String(choice) === typed) ?? typed };
  return { value: typed };
}

function range(minimum?: number, maximum?: number): string {
  const huge = maximum === undefined || maximum > 1e9;
  if (minimum !== undefined && !huge) return `Give a number from ${minimum} to ${maximum}.`;
  return minimum !== undefined ? `Give a number not below ${minimum}.` : `Give a number not above ${maximum}.`;
}

export function write(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value === "object")
    return Object.entries(value)
      .map(([name, weight]) => `${name}:${weight}`)
      .join(", ");
  return String(value);
}
