// Screenshots of every view into shots/, and what axe-core finds in them.  Uses the built page and the stand-in server.
//   npm run build && npm run look            all
//   npm run look -- job gallery              only these

import { spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
// LOOK=360x740,1600x1000 for other windows
const sizes = (process.env.LOOK ?? "1440x900,390x844").split(",").flatMap((size) => ["light", "dark"].map((scheme) => [...size.split("x").map(Number), scheme]));
const wanted = process.argv.slice(2);
const port = 8817;
const base = `http://127.0.0.1:${port}/`;
const axe = readFileSync(here("../node_modules/axe-core/axe.min.js"), "utf8");
mkdirSync(here("../shots"), { recursive: true });

const server = spawn("node", [here("mock.mjs"), "--page"], { env: { ...process.env, MOCK_PORT: port, MOCK_SPEED: 15 }, stdio: ["ignore", "pipe", "inherit"] });
await new Promise((done) => server.stdout.once("data", done));
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
let bad = 0;

const jobs = async () => (await (await fetch(`${base}api/v1/jobs`)).json()).jobs;

async function stroke(page) {
  await page.locator("canvas.ready").waitFor();
  const box = await page.locator(".frame").boundingBox();
  await page.mouse.move(box.x + box.width * 0.2, box.y + box.height * 0.3);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + box.height * 0.25, { steps: 12 });
  await page.mouse.move(box.x + box.width * 0.7, box.y + box.height * 0.5, { steps: 12 });
  await page.mouse.up();
}

const VIEWS = {
  async empty() {},
  async filled(page) {
    await page.getByRole("button", { name: "Sample content: temple" }).click();
    await page.getByRole("button", { name: "Sample style: flow" }).click();
    await page.getByRole("button", { name: "Sample style: mosaic" }).click();
    await page.getByText("about ").first().waitFor();
  },
  async advanced(page) {
    await VIEWS.filled(page);
    await page.getByText("Advanced settings").click();
    await page.getByLabel("Seed").fill("7");
    await page.getByLabel("Content layers").fill("conv9");
    await page.getByLabel("Content layers").blur();
    await page.getByLabel("content", { exact: true }).check({ force: true });
  },
  async texture(page) {
    await page.getByLabel("None: a texture of the style").check({ force: true });
    await page.getByRole("button", { name: "Sample style: mosaic" }).click();
    await page.getByText("about ").first().waitFor();
  },
  async texture_error(page) {
    await VIEWS.texture(page);
    await page.getByLabel("Width in px").fill("500");
    await page.getByLabel("Tileable").check();
    await page.getByText("use size 496x512").first().waitFor();
  },
  async texture_job(page) {
    await VIEWS.texture(page);
    await page.getByRole("button", { name: "Start" }).click();
    await page.getByTestId("stage-picture").waitFor();
    await page.waitForTimeout(2000);
  },
  async mask(page) {
    await VIEWS.filled(page);
    await page.getByRole("button", { name: /Where it paints \(flow/ }).click();
    await stroke(page);
  },
  async mask_zoomed(page) {
    await VIEWS.mask(page);
    for (let time = 0; time < 4; time++) await page.getByRole("button", { name: "Zoom in" }).click();
    await stroke(page);
  },
  async error(page) {
    await page.getByTestId("content-file").setInputFiles({ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no picture") });
    await page.getByTestId("style-file").setInputFiles({ name: "broken.jpg", mimeType: "image/jpeg", buffer: Buffer.from("not a jpeg at all, though it says so") });
    await page.getByText("cannot be read").waitFor();
  },
  async server_error(page) {
    await VIEWS.filled(page);
    await page.getByLabel("Size in px").fill("9000");
    await page.getByRole("button", { name: "Start" }).click();
    await page.getByText("310 GB").first().waitFor();
  },
  async job(page) {
    await page.getByRole("button", { name: "Paint a sample" }).click();
    await page.getByTestId("stage-picture").waitFor();
    await page.waitForTimeout(6000);
  },
  async lost(page) {
    await page.getByRole("button", { name: "Paint a sample" }).click();
    await page.getByTestId("stage-picture").waitFor();
    await fetch(`${base}mock/break?ms=2500`);
    await page.getByText("Connection lost").waitFor();
  },
  async finished(page) {
    const job = (await jobs()).find(({ state, name }) => state === "finished" && name.startsWith("temple"));
    await page.goto(`${base}#/job/${job.id}`);
    await page.getByTestId("stage-picture").waitFor();
    await page.waitForTimeout(500);
  },
  async failed(page) {
    const job = (await jobs()).find(({ state }) => state === "failed");
    await page.goto(`${base}#/job/${job.id}`);
    await page.getByRole("alert").waitFor();
  },
  async gallery(page) {
    await page.goto(`${base}#/gallery`);
    await page.getByTestId("job-card").first().waitFor();
    for (const box of (await page.getByRole("checkbox").all()).slice(1, 3)) await box.check();
    await page.waitForTimeout(500);
  },
  async compare(page) {
    const [a, b] = (await jobs()).filter(({ state, name }) => state === "finished" && name.startsWith("temple"));
    await page.goto(`${base}#/compare/${a.id}/${b.id}`);
    await page.getByTestId("stage-picture").first().waitFor();
    await page.waitForTimeout(500);
  },
  async delete(page) {
    await page.goto(`${base}#/gallery`);
    await page.getByRole("button", { name: /^Delete cat/ }).first().click();
  },
};

try {
  for (const [name, act] of Object.entries(VIEWS)) {
    if (wanted.length && !wanted.includes(name)) continue;
    for (const [width, height, scheme] of sizes) {
      const context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, reducedMotion: "reduce", bypassCSP: false });
      const page = await context.newPage();
      page.setDefaultTimeout(8000);
      page.on("console", (message) => message.type() === "error" && !/Failed to load resource|ERR_INTERNET/.test(message.text()) && console.log(`  console: ${message.text()}`) );
      page.on("pageerror", (problem) => { bad += 1; console.log(`  page error: ${problem.message}`); });
      await page.goto(base);
      await page.getByRole("heading", { name: "Content" }).waitFor();
      try {
        await act(page);
      } catch (problem) {
        bad += 1;
        console.log(`${name} ${width} ${scheme}: ${problem.message.split("\n").slice(0, 4).join(" | ")}`);
      }
      await page.screenshot({ path: here(`../shots/${name}-${width}-${scheme}.png`), fullPage: width < 500 && !name.startsWith("mask") });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (wide > 0) { bad += 1; console.log(`${name} ${width}: ${wide} px too wide`); }
      await page.evaluate(() => scrollTo(0, 0));
      if (name === "lost") await page.getByText("Connection lost").waitFor({ state: "hidden", timeout: 20000 });
      await page.evaluate(`${axe};0`);
      const found = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
      for (const { id, impact, nodes } of found.violations) {
        if (["serious", "critical"].includes(impact)) bad += 1;
        console.log(`${name} ${width} ${scheme}: ${impact} ${id}: ${nodes.slice(0, 3).map(({ html, any }) => `${html.slice(0, 110)} ${any[0]?.message?.slice(0, 130) ?? ""}`).join(" || ")}`);
      }
      // what is running would keep the next one waiting
      for (const job of await jobs()) if (["running", "queued", "paused", "pausing"].includes(job.state)) await fetch(`${base}api/v1/jobs/${job.id}/cancel`, { method: "POST" });
      await context.close();
    }
    console.log(`${name}: done`);
  }
} finally {
  await browser.close();
  server.kill();
}
console.log(bad ? `${bad} problems` : "nothing serious");
process.exit(bad ? 1 : 0);
