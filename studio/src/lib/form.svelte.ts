// The form of a new picture.  It lives as long as the page, so that one can look at the gallery and come back.

import { ApiError, call, type Job, type JobBody, type Sample, type Settings, thumbnail, upload, url, words } from "./api";
import { bytes } from "./format";
import { type Chosen, jobBody, place, strengthIsFixed } from "./request";
import { type Mask, png } from "./mask";
import { server } from "./server.svelte";
import { asTexture, givenOf, OF_CONTENT, ownBase } from "./texture";

export interface MaskFile {
  id: string | null; // known to the server
  png: Blob | null; // painted here, not sent yet
  mask: Mask | null;
  url: string;
}

let keys = 0;
const KEPT = "impasto.form";

export class Picked {
  readonly key = ++keys;
  id = $state<string | null>(null);
  name = $state("");
  width = $state(0);
  height = $state(0);
  kind = $state<"picture" | "style">("picture");
  src = $state("");
  share = $state(0);
  problem = $state<string | null>(null);
  credit = $state("");
  weight = $state(1);
  scale = $state<number | null>(null); // its own style scale, if not that of all
  mask = $state.raw<MaskFile | null>(null);
  styleMask = $state.raw<MaskFile | null>(null);
  private gone = new AbortController();

  get ready(): boolean {
    return this.id !== null;
  }

  async send(file: File): Promise<void> {
    this.name = file.name.replace(/\.[^.]+$/, "") || "picture";
    this.src = /^image\/(jpeg|png|webp|gif|avif)$/.test(file.type) ? URL.createObjectURL(file) : "";
    try {
      const stored = await upload(file, file.name, (share) => (this.share = share), this.gone.signal);
      const local = this.src;
      this.id = stored.id;
      this.name = stored.name || this.name;
      this.width = stored.width ?? 0;
      this.height = stored.height ?? 0;
      this.kind = stored.kind;
      this.src = stored.kind === "picture" ? thumbnail(stored.id, 1024) : "";
      if (local) setTimeout(() => URL.revokeObjectURL(local), 2000);
    } catch (problem) {
      const said = words(problem);
      if (!this.gone.signal.aborted) this.problem = said.includes(file.name) ? said : `${file.name}: ${said}`;
    }
  }

  drop(): void {
    this.gone.abort();
  }

  static known(id: string, name: string, width = 0, height = 0, credit = "", kind: "picture" | "style" = "picture"): Picked {
    const picked = new Picked();
    Object.assign(picked, { id, name, width, height, credit, kind, share: 1, src: kind === "picture" ? thumbnail(id, 1024) : "" });
    return picked;
  }
}

export function knownMask(id: string | null): MaskFile | null {
  return id ? { id, png: null, mask: null, url: url(`/files/${id}`) } : null;
}

export async function paintedMask(mask: Mask): Promise<MaskFile> {
  const blob = await png(mask);
  return { id: null, png: blob, mask, url: URL.createObjectURL(blob) };
}

class Form {
  content = $state.raw<Picked | null>(null);
  texture = $state(false); // of the style alone; a content that was chosen waits for the way back
  styles = $state.raw<Picked[]>([]);
  colorMask = $state.raw<MaskFile | null>(null);
  start = $state<string | null>(null);
  preset = $state("impasto");
  given = $state.raw<Settings>({});
  name = $state("");
  errors = $state.raw<Record<string, string>>({});
  notice = $state<string | null>(null);
  starting = $state(false);

  chosenPreset = $derived(server.presets.find(({ name }) => name === this.preset));
  strengthFixed = $derived(strengthIsFixed(this.chosenPreset, this.given));

  commonScale = $derived(Number([this.get("style_scale") ?? 1].flat()[0] ?? 1));

  base(name: string): unknown {
    const values = { ...this.chosenPreset?.values, ...(this.texture ? ownBase(this.chosenPreset) : {}) };
    return name in values ? values[name] : server.defaults[name];
  }

  get(name: string): unknown {
    return name in this.given ? this.given[name] : this.base(name);
  }

  /** Whether a setting has anything to say about the picture that is asked for. */
  counts(name: string): boolean {
    return !this.texture || !OF_CONTENT.includes(name);
  }

  isChanged(name: string): boolean {
    return name in this.given;
  }

  set(name: string, value: unknown): void {
    this.given = { ...this.given, [name]: value };
    this.clearError(name);
  }

  reset(name: string): void {
    const { [name]: _, ...rest } = this.given;
    this.given = rest;
    this.clearError(name);
  }

  clearError(name: string): void {
    if (!(name in this.errors) && !("" in this.errors)) return;
    const { [name]: _, "": __, ...rest } = this.errors;
    this.errors = rest;
  }

  fail(problem: unknown): void {
    const field = problem instanceof ApiError ? place(problem.field ?? "", Object.keys(server.defaults)) : "";
    this.errors = { ...this.errors, [field]: words(problem) };
  }

  /** What a preset says wins over what was moved before it was chosen; other changed settings stay. */
  choosePreset(name: string): void {
    const values = server.presets.find((preset) => preset.name === name)?.values ?? {};
    const look = ["strength", "color", "color_amount", "style_scale", ...Object.keys(values)];
    this.given = Object.fromEntries(Object.entries(this.given).filter(([key]) => !look.includes(key)));
    this.preset = name;
    this.errors = {};
  }

  /** Why this file is refused before it is sent, or null. */
  refusal(file: File): string | null {
    const about = server.about;
    const extension = /\.[^.]+$/.exec(file.name)?.[0].toLowerCase() ?? "";
    const known = about?.formats.input ?? [];
    const picture = file.type.startsWith("image/") && file.type !== "image/svg+xml";
    if (known.length && !known.includes(extension) && extension !== ".style" && !(picture && !extension))
      return `${file.name} is not a picture that can be read. These can: ${known.map((item) => item.slice(1)).join(", ")}.`;
    if (file.size === 0) return `${file.name} is empty.`;
    if (about && file.size > about.limits.upload_bytes)
      return `${file.name} is too large: ${bytes(file.size)}, and the server accepts ${bytes(about.limits.upload_bytes)}. Save it smaller.`;
    return null;
  }

  setTexture(on: boolean): void {
    this.texture = on;
    if (!on) this.reset("tileable"); // its box is gone, and a photograph has borders
    this.start = null;
    this.errors = {};
  }

  setContent(picked: Picked | null): void {
    const before = this.content;
    before?.drop();
    this.content = picked;
    if (this.texture) this.setTexture(false);
    this.start = null;
    this.clearError("content");
    if (before && picked?.id !== before.id && (this.colorMask || this.styles.some((style) => style.mask))) {
      this.colorMask = null;
      for (const style of this.styles) style.mask = null;
      this.notice = "The masks were painted on the content before and have been removed.";
    }
  }

  async addContent(file: File): Promise<void> {
    const refused = this.refusal(file);
    if (refused) {
      this.errors = { ...this.errors, content: refused };
      return;
    }
    const picked = new Picked();
    this.setContent(picked);
    await picked.send(file);
    if (picked.problem && this.content === picked) {
      this.content = null;
      this.errors = { ...this.errors, content: picked.problem };
    }
  }

  async addStyles(files: File[]): Promise<void> {
    this.clearError("styles");
    await Promise.all(
      files.map(async (file) => {
        const refused = this.refusal(file);
        if (refused) {
          this.errors = { ...this.errors, styles: refused };
          return;
        }
        const picked = new Picked();
        this.styles = [...this.styles, picked];
        await picked.send(file);
        if (picked.problem) {
          this.styles = this.styles.filter((item) => item !== picked);
          this.errors = { ...this.errors, styles: picked.problem };
        }
      }),
    );
  }

  /** Files that were dropped or pasted beside the wells: the first is the content if one is missing, the others are styles. */
  async addAnywhere(files: File[]): Promise<void> {
    const [first, ...others] = files;
    if (!first) return;
    if (this.content || this.texture) await this.addStyles(files);
    else await Promise.all([this.addContent(first), this.addStyles(others)]);
  }

  sampleContent(sample: Sample): void {
    this.setContent(Picked.known(sample.id, sample.name, 0, 0, credit(sample)));
  }

  sampleStyle(sample: Sample): void {
    this.clearError("styles");
    this.styles = [...this.styles, Picked.known(sample.id, sample.name, 0, 0, credit(sample))];
  }

  removeStyle(picked: Picked): void {
    picked.drop();
    this.styles = this.styles.filter((item) => item !== picked);
  }

  body(): JobBody {
    const chosen: Chosen = {
      content: this.content?.id ?? null,
      styles: this.styles
        .filter(({ ready }) => ready)
        .map(({ id, weight, mask, styleMask }) => ({
          file: id as string,
          weight,
          mask: mask?.id ?? null,
          styleMask: styleMask?.id ?? null,
        })),
      colorMask: this.colorMask?.id ?? null,
      start: this.start,
      preset: this.preset,
      given: this.styles.length > 1 && this.styles.some(({ scale }) => scale !== null) ? { ...this.given, style_scale: this.styles.map(({ scale }) => scale ?? this.commonScale) } : this.given,
      name: this.name.trim() || undefined,
    };
    return jobBody(this.texture ? asTexture(chosen, this.chosenPreset) : chosen, this.chosenPreset, server.defaults);
  }

  missing = $derived.by(() => {
    const content: (Picked | null)[] = this.texture ? [] : [this.content];
    if (content.includes(null)) return this.styles.length ? "Choose content first." : "Choose content and a style first.";
    if (!this.styles.length) return "Add a style first.";
    return [...content, ...this.styles].some((picked) => !picked?.ready) ? "Pictures are on their way to the server…" : null;
  });

  private async sendMask(mask: MaskFile | null, name: string): Promise<MaskFile | null> {
    if (!mask || mask.id || !mask.png) return mask;
    const stored = await upload(mask.png, `${name}.png`);
    return { ...mask, id: stored.id };
  }

  async sendMasks(): Promise<void> {
    for (const style of this.styles) {
      style.mask = await this.sendMask(style.mask, `${style.name}-where`);
      style.styleMask = await this.sendMask(style.styleMask, `${style.name}-what`);
    }
    this.colorMask = await this.sendMask(this.colorMask, "colour");
  }

  private last: { text: string; key: string } | null = null;

  /** The same job sent again, because the answer got lost, is the same job. */
  async submit(freshKey: () => string): Promise<Job> {
    await this.sendMasks();
    const body = this.body();
    const text = JSON.stringify(body);
    if (this.last?.text !== text) this.last = { text, key: freshKey() };
    const job = await call<Job>("/jobs", { body, headers: { "Idempotency-Key": this.last.key } });
    this.last = null;
    return job;
  }

  /** The inputs and settings of a job, to be changed. */
  load(job: Job): void {
    this.content?.drop();
    this.content = job.content ? Picked.known(job.content.id, job.content.name, job.content.width, job.content.height) : null;
    this.texture = job.content === null;
    this.styles = job.styles.map((style) => {
      const picked = Picked.known(style.id, style.name, 0, 0, "", style.kind);
      picked.weight = style.weight;
      picked.mask = knownMask(style.mask);
      picked.styleMask = knownMask(style.style_mask);
      return picked;
    });
    this.colorMask = knownMask(job.color_mask);
    this.start = job.start;
    const { preset, ...given } = job.given;
    this.preset = typeof preset === "string" ? preset : "impasto";
    const scales = given.style_scale;
    if (Array.isArray(scales) && scales.length > 1) {
      this.styles.forEach((style, at) => (style.scale = typeof scales[at] === "number" ? scales[at] : null));
      delete given.style_scale;
    }
    const weights = given.style_weights;
    if (Array.isArray(weights)) this.styles.forEach((style, at) => (style.weight = typeof weights[at] === "number" ? weights[at] : style.weight));
    delete given.style_weights;
    this.given = this.texture ? givenOf(given, this.chosenPreset) : given;
    this.name = "";
    this.errors = {};
    this.notice = `Loaded from “${job.name || job.id}”. Change what you like, then start.`;
  }

  /** What is chosen, kept for a reload of the page; masks that were not sent yet are not. */
  keep(): void {
    const plain = (picked: Picked) => ({
      id: picked.id,
      name: picked.name,
      width: picked.width,
      height: picked.height,
      credit: picked.credit,
      kind: picked.kind,
      weight: picked.weight,
      scale: picked.scale,
      mask: picked.mask?.id ?? null,
      styleMask: picked.styleMask?.id ?? null,
    });
    const kept = {
      content: this.content?.ready ? plain(this.content) : null,
      texture: this.texture,
      styles: this.styles.filter(({ ready }) => ready).map(plain),
      colorMask: this.colorMask?.id ?? null,
      start: this.start,
      preset: this.preset,
      given: this.given,
      name: this.name,
    };
    try {
      sessionStorage.setItem(KEPT, JSON.stringify(kept));
    } catch {
      // a reload starts anew, then
    }
  }

  restore(): void {
    try {
      const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
      if (!kept) return;
      const picked = (of: { id: string; name: string; width: number; height: number; credit: string; kind: "picture" | "style"; weight: number; scale: number | null; mask: string | null; styleMask: string | null }) => {
        const back = Picked.known(of.id, of.name, of.width, of.height, of.credit, of.kind);
        Object.assign(back, { weight: of.weight, scale: of.scale, mask: knownMask(of.mask), styleMask: knownMask(of.styleMask) });
        return back;
      };
      this.content = kept.content ? picked(kept.content) : null;
      this.styles = kept.styles.map(picked);
      this.colorMask = knownMask(kept.colorMask);
      Object.assign(this, { texture: kept.texture === true, start: kept.start, preset: kept.preset, given: kept.given, name: kept.name });
    } catch {
      // from another version of the page
    }
  }

  clear(): void {
    this.content?.drop();
    for (const style of this.styles) style.drop();
    this.content = null;
    this.texture = false;
    this.styles = [];
    this.colorMask = null;
    this.start = null;
    this.preset = "impasto";
    this.given = {};
    this.name = "";
    this.errors = {};
    this.notice = null;
  }

  get untouched(): boolean {
    return !this.content && !this.texture && !this.styles.length && !Object.keys(this.given).length && this.preset === "impasto" && !this.name;
  }
}

function credit({ title, author, licence }: Sample): string {
  return [title, author, licence].filter(Boolean).join(" · ");
}

export const form = new Form();
