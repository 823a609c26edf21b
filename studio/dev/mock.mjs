// A stand-in for `impasto serve`, for work on the page: in memory, no dependencies, jobs that only pretend.
//   node dev/mock.mjs            the API, for `npm run dev`
//   node dev/mock.mjs --page     and the built page, under the policy that the real server sends
// MOCK_SPEED: steps a second.  MOCK_TOKEN: ask for this token.

import { createHash, randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const page = process.argv.includes("--page") ? join(root, "src/impasto/server/page") : null;
const port = Number(process.env.MOCK_PORT ?? 8811);
const speed = Number(process.env.MOCK_SPEED ?? 12);
const secret = process.env.MOCK_TOKEN ?? null;
const schema = JSON.parse(readFileSync(new URL("./schema.json", import.meta.url)));
const presets = JSON.parse(readFileSync(new URL("./presets.json", import.meta.url)));
const files = new Map();
const jobs = new Map();
const keys = new Map();
let cookie = `impasto=${randomBytes(8).toString("hex")}`;
const listeners = new Set(); // {job: id or null, send}
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const POLICY = "default-src 'self'; img-src 'self' blob: data:; style-src 'self'; script-src 'self'; connect-src 'self'";

function fail(status, code, message, field = null) {
  throw { status, code, message, field };
}

function measure(bytes) {
  if (bytes.readUInt32BE(0) === 0x89504e47) return { type: "image/png", width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
  if (bytes.readUInt16BE(0) === 0xffd8)
    for (let at = 2; at < bytes.length - 9; at += 2 + bytes.readUInt16BE(at + 2))
      if (bytes[at + 1] >= 0xc0 && bytes[at + 1] <= 0xc2)
        return { type: "image/jpeg", width: bytes.readUInt16BE(at + 7), height: bytes.readUInt16BE(at + 5) };
  if (bytes.toString("latin1", 8, 12) === "WEBP") return { type: "image/webp", width: 640, height: 480 };
  return null;
}

function keep(bytes, name) {
  const size = bytes.length > 24 ? measure(bytes) : null;
  if (!size) fail(422, "unreadable_image", `${name} cannot be read as a picture: expected JPEG, PNG, WebP, TIFF, BMP, GIF, HEIC or AVIF; open it in a paint program and save it as PNG`);
  const id = createHash("sha256").update(bytes).digest("hex");
  files.set(id, { id, name: name.replace(/\.[^.]+$/, ""), bytes: bytes.length, ...size, kind: "picture", data: bytes });
  return files.get(id);
}

const sampleOf = (folder, credits) =>
  readdirSync(join(root, "examples", folder)).map((name) => {
    const file = keep(readFileSync(join(root, "examples", folder, name)), name);
    return { id: file.id, name: file.name, title: file.name, ...(credits[file.name] ?? { author: "the authors of impasto", licence: "MIT" }) };
  });
const samples = {
  contents: sampleOf("photos", {
    temple: { title: "a pavilion above a lake", author: "danielbuechele", licence: "CC BY 2.0" },
    cat: { title: "Chelsea the cat", author: "Stefan van der Walt", licence: "CC0" },
    coffee: { title: "a cup of coffee", author: "Rachel Michetti", licence: "CC0" },
    portrait: { title: "Eileen Collins", author: "NASA", licence: "public domain" },
  }),
  styles: sampleOf("styles", {}),
};
const finished = readFileSync(join(root, "docs/images/temple_flow.jpg"));

const now = () => new Date().toISOString();
const view = ({ records, timer, ...job }) => job;
const emit = (job, name, data) => {
  for (const listener of listeners)
    if (listener.job === null ? name !== "preview" : listener.job === job.id) listener.send(name, listener.job === null ? { ...data, id: job.id } : data);
};

function shape(content, size) {
  if (Array.isArray(size)) return size;
  const { width, height } = content ?? { width: 4, height: 3 };
  if (size === "original") return [width, height];
  const scale = size / Math.max(width, height);
  return [Math.round(width * scale), Math.round(height * scale)];
}

function levelsOf([width, height]) {
  const levels = [[width, height]];
  while (Math.max(...levels[0]) >= 256 && levels.length < 4) levels.unshift(levels[0].map((side) => Math.round(side / 2)));
  return levels;
}

function resolve(given) {
  const defaults = Object.fromEntries(Object.entries(schema.properties).map(([name, { default: value }]) => [name, value ?? null]));
  const preset = presets.find(({ name }) => name === (given.preset ?? "impasto"));
  if (!preset) fail(422, "invalid_settings", `there is no preset ${given.preset}; impasto, portrait and bold are some`, "preset");
  for (const [name, value] of Object.entries(given)) {
    if (!(name in schema.properties)) fail(422, "invalid_settings", `there is no setting ${name}`, name);
    if (name === "size" && typeof value === "number" && value > 8192) fail(422, "invalid_settings", `size ${value} needs 310 GB and 12.4 GB are free; choose at most 4096`, "size");
    if (name === "content_layers" && Object.keys(value).some((layer) => !/^conv[1-5]_[1-4]$/.test(layer)))
      fail(422, "invalid_settings", `content_layers: expected names of layers such as conv4_2, came ${Object.keys(value)}`, "content_layers");
  }
  return { ...defaults, ...preset.values, ...given };
}

function create(body, parent = null) {
  const content = body.content ? files.get(body.content) : null;
  if (body.content && !content) fail(404, "unknown", "there is no content with this id; send it again", "content");
  if (!body.styles?.length) fail(422, "invalid_settings", "at least one style is needed", "styles");
  const settings = resolve(body.settings ?? {});
  const id = randomBytes(5).toString("hex");
  const styles = body.styles.map(({ file, weight, mask, style_mask }) => ({ id: file, name: files.get(file)?.name ?? "?", kind: files.get(file)?.kind ?? "picture", weight, mask, style_mask }));
  const job = {
    id, name: body.name ?? `${content?.name ?? "texture"} in ${styles.map(({ name }) => name).join(" and ")}`, state: "queued", created: now(), started: null, ended: null,
    position: null, priority: body.priority ?? 0, content: content ? { id: content.id, name: content.name, width: content.width, height: content.height } : null,
    styles, color_mask: body.color_mask ?? null, start: body.start ?? null, settings, given: body.settings ?? {}, progress: null, error: null, result: null, parent,
    warnings: settings.size > 1024 ? ["the style is smaller than the picture and is measured at its own size"] : [], records: [],
  };
  jobs.set(id, job);
  schedule();
  return job;
}

const active = (job) => ["running", "pausing"].includes(job.state);

function schedule() {
  const queued = [...jobs.values()].filter(({ state }) => state === "queued");
  if (queued.length && ![...jobs.values()].some(active)) begin(queued.shift());
  queued.forEach((job, at) => {
    if (job.position !== at + 1) emit(Object.assign(job, { position: at + 1 }), "job", view(job));
  });
}

function begin(job) {
  const levels = levelsOf(shape(job.content ?? files.get(job.styles[0].id), job.settings.size));
  const each = job.settings.iterations ?? 60;
  const steps = levels.length * each;
  Object.assign(job, { state: "running", started: job.started ?? now(), position: null });
  emit(job, "job", view(job));
  let step = job.progress?.step ?? 0;
  job.timer = setInterval(() => {
    if (job.state === "pausing") return finish(job, "paused");
    step += 1;
    const level = Math.min(levels.length - 1, Math.floor((step - 1) / each));
    const [width, height] = levels[level];
    const iteration = step - level * each;
    const part = (scale, rate) => scale * (0.6 ** level) * (0.15 + Math.exp(-iteration / rate)) * (1 + 0.02 * Math.sin(step));
    const parts = { content: part(0.05, 40) + 0.2, style: part(4, 9), variation: part(0.02, 25) };
    const loss = parts.content + parts.style + parts.variation;
    job.records.push({ step, level: level + 1, width, height, iteration, loss, parts });
    job.progress = { step, steps, level: level + 1, levels: levels.length, width, height, iteration, iterations: each, loss, parts, seconds: step / speed, seconds_left: (steps - step) / speed, preview_step: step - (step % 10) || null };
    if (step % Math.max(1, Math.round(speed / 3)) === 0 || step === steps) emit(job, "progress", job.progress);
    if (step % 10 === 0) emit(job, "preview", { step, url: `/api/v1/jobs/${job.id}/preview?step=${step}` });
    if (step >= steps) {
      job.result = { width, height, seconds: steps / speed, loss };
      finish(job, "finished");
    }
  }, 1000 / speed);
}

function finish(job, state) {
  clearInterval(job.timer);
  job.state = state;
  if (state !== "paused") job.ended = now();
  emit(job, "job", view(job));
  schedule();
}

/** The content with the style coming up over it, as an SVG: no picture library is needed. */
function picture(job) {
  const share = job.progress ? Math.min(1, job.progress.step / job.progress.steps) : 0;
  const content = files.get(job.content?.id ?? job.styles[0].id);
  const temple = content.name === "temple";
  const over = temple ? { data: finished, type: "image/jpeg" } : files.get(job.styles[0].id);
  const [width, height] = job.content ? [content.width, content.height] : shape(content, job.settings.size);
  const image = (file, extra) => `<image width="${width}" height="${height}" preserveAspectRatio="xMidYMid slice" href="data:${file.type};base64,${file.data.toString("base64")}" ${extra}/>`;
  const look = temple ? `opacity="${0.15 + 0.85 * share}"` : `opacity="${0.3 + 0.6 * share}" style="mix-blend-mode:overlay"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">${image(content, "")}${image(over, look)}</svg>`;
}

async function bodyOf(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    parts.push(part);
  }
  return Buffer.concat(parts, size);
}

function uploads(body, type) {
  const boundary = `--${/boundary=(.+)$/.exec(type)[1]}`;
  const stored = [];
  for (let at = body.indexOf(boundary); at >= 0; ) {
    const next = body.indexOf(boundary, at + boundary.length);
    if (next < 0) break;
    const head = body.indexOf("\r\n\r\n", at);
    const name = /filename="([^"]*)"/.exec(body.toString("utf8", at, head))?.[1];
    if (name) stored.push(keep(body.subarray(head + 4, next - 2), name));
    at = next;
  }
  return stored.map(({ data, type: _, ...file }) => file);
}

let estimating = false;
let broken = 0;

async function api(request, answer, path, query) {
  const json = (status, value) => answer.writeHead(status, { "Content-Type": "application/json" }).end(value === undefined ? "" : JSON.stringify(value));
  const method = request.method;
  if (secret) {
    const bearer = request.headers.authorization === `Bearer ${secret}`;
    if (path === "/session" && method === "POST") {
      if (!bearer) fail(401, "unauthorized", "the token is not right");
      return answer.writeHead(204, { "Set-Cookie": `${cookie}; HttpOnly; SameSite=Strict; Path=/` }).end();
    }
    if (!bearer && !(request.headers.cookie ?? "").includes(cookie)) fail(401, "unauthorized", "a token is needed");
  }
  if (path === "/about")
    return json(200, {
      version: "0.9", token_needed: Boolean(secret), worker: { alive: true, count: 1 },
      limits: { upload_bytes: 64e6, upload_pixels: 268435456, queue: 100, files_per_job: 16 },
      formats: { input: [".jpg", ".jpeg", ".jfif", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".heic", ".heif", ".hif", ".avif", ".style"], output: [".png", ".jpg", ".tif", ".webp"] },
    });
  if (path === "/settings/schema") return json(200, schema);
  if (path === "/presets") return json(200, presets);
  if (path === "/samples") return json(200, samples);
  if (path === "/files" && method === "POST") return json(201, uploads(await bodyOf(request), request.headers["content-type"]));
  const file = /^\/files\/(\w+)(\/thumbnail)?$/.exec(path);
  if (file) {
    const stored = files.get(file[1]) ?? fail(404, "unknown", "there is no such file");
    return answer.writeHead(200, { "Content-Type": stored.type, "Cache-Control": "max-age=9999, immutable" }).end(stored.data);
  }
  if (path === "/estimate" && method === "POST") {
    const body = JSON.parse(await bodyOf(request));
    if (estimating) fail(429, "too_many", "another estimate is being made; try again");
    const settings = resolve(body.settings);
    const [width, height] = shape(files.get(body.content ?? body.styles[0].file), settings.size);
    if (settings.tileable && (width % 16 || height % 16)) fail(422, "invalid_settings", `a tileable picture's sides must be multiples of 16 px, not ${width}x${height}; use --size ${width - (width % 16)}x${height - (height % 16)}`, "size");
    estimating = true;
    await new Promise((done) => setTimeout(done, 1500));
    estimating = false;
    const bytes = 3e8 + width * height * 2100;
    return json(200, { seconds: 3 + (width * height) / 2000, bytes, free_bytes: 6.4e9, levels: levelsOf([width, height]), width, height });
  }
  if (path === "/jobs" && method === "POST") {
    const text = (await bodyOf(request)).toString();
    const key = request.headers["idempotency-key"];
    if (key && keys.has(key)) return json(200, view(keys.get(key)));
    const job = create(JSON.parse(text));
    if (key) keys.set(key, job);
    return json(201, view(job));
  }
  if (path === "/jobs") {
    const states = query.get("state")?.split(",");
    const limit = Number(query.get("limit") ?? 50);
    let list = [...jobs.values()].reverse().filter(({ state }) => !states || states.includes(state));
    if (query.get("before")) list = list.slice(list.findIndex(({ id }) => id === query.get("before")) + 1);
    return json(200, { jobs: list.slice(0, limit).map(view), next: list.length > limit ? list[limit - 1].id : null });
  }
  if (path === "/events" || /^\/jobs\/\w+\/events$/.test(path)) {
    const id = path === "/events" ? null : path.split("/")[2];
    if (id && !jobs.has(id)) fail(404, "unknown", "there is no such job");
    answer.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    const listener = { job: id, end: () => answer.destroy(), send: (name, data) => {
      answer.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
      if (id && name === "job" && ["finished", "failed", "cancelled"].includes(data.state)) answer.end();
    } };
    listeners.add(listener);
    request.on("close", () => listeners.delete(listener));
    if (id) listener.send("job", view(jobs.get(id)));
    else answer.write(": hello\n\n");
    return;
  }
  const [, , id, action] = path.split("/");
  const job = jobs.get(id) ?? fail(404, "unknown", "there is no such job");
  if (method === "DELETE") {
    if (active(job)) fail(409, "conflict", "the job runs; stop it first");
    jobs.delete(id);
    return answer.writeHead(204).end();
  }
  if (!action) return json(200, view(job));
  if (action === "losses") return json(200, { records: job.records });
  if (action === "manifest") return json(200, { impasto: "0.9", settings: job.settings });
  if (action === "preview") {
    if (!job.progress) fail(404, "unknown", "there is no picture yet");
    return answer.writeHead(200, { "Content-Type": "image/svg+xml" }).end(picture(job));
  }
  if (action === "result") {
    if (!["finished", "paused", "cancelled"].includes(job.state)) fail(409, "conflict", "the job is not finished");
    const format = query.get("format");
    return answer.writeHead(200, { "Content-Type": "image/svg+xml", ...(query.get("download") ? { "Content-Disposition": `attachment; filename="${job.name}.${format}"` } : {}) }).end(picture(job));
  }
  const text = (await bodyOf(request)).toString();
  const body = text ? JSON.parse(text) : {};
  if (action === "pause") {
    if (job.state === "running") job.state = "pausing";
    else if (job.state === "queued") job.state = "paused";
    else fail(409, "conflict", `the job is ${job.state}; only one that runs can be paused`);
    emit(job, "job", view(job));
    return json(202, view(job));
  }
  if (action === "continue") {
    job.state = "queued";
    emit(job, "job", view(job));
    schedule();
    return json(202, view(job));
  }
  if (action === "cancel") {
    finish(job, "cancelled");
    return json(202, view(job));
  }
  const inputs = { content: job.content?.id ?? null, styles: job.styles.map(({ id: file, ...style }) => ({ ...style, file })), color_mask: job.color_mask };
  if (action === "more") return json(201, view(create({ ...inputs, name: `${job.name}, more`, start: job.content?.id, settings: { ...job.given, iterations: body.iterations, levels: 1 } }, id)));
  if (action === "repeat") return json(201, view(create({ ...inputs, start: job.start, name: body.name ?? job.name, settings: { ...job.given, ...body.settings } }, id)));
  fail(404, "unknown", "no such address");
}

// A few past runs, so that the gallery is not empty.
function past(content, style, given, state = "finished") {
  const pick = (list, name) => list.find((item) => item.name === name).id;
  const job = create({ content: pick(samples.contents, content), styles: [{ file: pick(samples.styles, style), weight: 1, mask: null, style_mask: null }], settings: given });
  clearInterval(job.timer);
  const [width, height] = shape(job.content, job.settings.size);
  for (let step = 1; step <= 180; step++) job.records.push({ step, level: Math.ceil(step / 60), width, height, iteration: step % 60, loss: 4 / step + 0.3, parts: { content: 0.2, style: 4 / step + 0.1, variation: 0.01 } });
  job.progress = { step: state === "finished" ? 180 : 70, steps: 180, level: 3, levels: 3, width, height, iteration: 60, iterations: 60, loss: 0.31, parts: job.records[179].parts, seconds: 74, seconds_left: 0, preview_step: 170 };
  if (state === "finished") job.result = { width, height, seconds: 74, loss: 0.3123 };
  if (state === "failed") Object.assign(job, { progress: null, records: [], error: { code: "out_of_memory", message: "the picture needs 8.1 GB and 6.4 GB are free; choose a size of at most 1536, or close other programs" } });
  Object.assign(job, { state, started: now(), ended: now(), position: null });
}
past("cat", "mosaic", { preset: "impasto", size: 512 });
past("portrait", "dots", { preset: "portrait", size: 768 });
past("coffee", "glass", { preset: "bold", size: 2048 }, "failed");
past("temple", "flow", { preset: "impasto", size: 512, strength: 0.65 });
past("temple", "flow", { preset: "landscape", size: 768, color: "luminance" });
past("coffee", "waves", { preset: "impasto", size: 384 }, "cancelled");

createServer(async (request, answer) => {
  const { pathname, searchParams } = new URL(request.url, "http://localhost");
  try {
    if (pathname === "/mock/break") {
      // as if the server were started anew and away for a while
      cookie = `impasto=${randomBytes(8).toString("hex")}`;
      broken = Date.now() + Number(searchParams.get("ms") ?? 3000);
      for (const listener of listeners) listener.end();
      return answer.writeHead(204).end();
    }
    if (Date.now() < broken && pathname.startsWith("/api")) return request.socket.destroy();
    if (pathname.startsWith("/api/v1")) return await api(request, answer, pathname.slice(7), searchParams);
    const path = page && join(page, pathname === "/" ? "index.html" : pathname);
    if (!path || !existsSync(path)) return answer.writeHead(404).end();
    answer.writeHead(200, { "Content-Type": TYPES[extname(path)] ?? "application/octet-stream", "Content-Security-Policy": POLICY }).end(readFileSync(path));
  } catch (problem) {
    if (!problem.status) console.error(problem);
    const { status = 500, code = "error", message = String(problem), field = null } = problem;
    answer.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify({ error: { code, message, field } }));
  }
}).listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port}`));
