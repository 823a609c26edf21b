import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

const server = process.env.IMPASTO_SERVER ?? "http://127.0.0.1:8811";

export default defineConfig({
  plugins: [svelte()],
  base: "./",
  build: {
    outDir: "../src/impasto/server/page",
    emptyOutDir: true,
    assetsInlineLimit: 0, // the page's Content-Security-Policy has no inline scripts or styles
    modulePreload: { polyfill: false },
    target: "es2022",
    reportCompressedSize: true,
  },
  server: { port: 5173, strictPort: true, proxy: { "/api": { target: server } } },
  test: { include: ["test/**/*.test.ts"], environment: "node" },
});
