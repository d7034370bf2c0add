import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { defineConfig } from "vitest/config";

const OUT = "../../server/pages/static/app";

/** Compressed copies beside the files, so that the server has nothing to compress. */
function compressed() {
  return {
    name: "compressed",
    apply: "build" as const,
    closeBundle() {
      const assets = join(import.meta.dirname, OUT, "assets");
      for (const name of readdirSync(assets)) {
        const file = join(assets, name);
        writeFileSync(`${file}.gz`, gzipSync(readFileSync(file), { level: 9 }));
      }
    },
  };
}

export default defineConfig({
  // The API serves what is built here, as it is.
  base: "/static/app/",
  plugins: [compressed()],
  build: {
    outDir: OUT,
    emptyOutDir: true,
    target: "es2022",
    // The Content-Security-Policy lets in files of the server, and pictures alone as data.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 300,
  },
  server: { proxy: { "/api": "http://127.0.0.1:7860" } },
  test: { include: ["tests/**/*.test.ts"] },
});
