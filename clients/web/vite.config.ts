import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";
import { defineConfig } from "vitest/config";

const OUT = "../../server/pages/static/app";

/** What reads the API's documentation to people, of which the server gives one file after another. */
const VIEWER = [
  ...["swagger-ui-bundle.js", "swagger-ui.css", "LICENSE", "NOTICE"].map((name) => `node_modules/swagger-ui-dist/${name}`),
  "docs/viewer.js",
  "docs/viewer.css",
];

function viewer() {
  return {
    name: "viewer",
    apply: "build" as const,
    closeBundle() {
      const folder = join(import.meta.dirname, OUT, "docs");
      mkdirSync(folder, { recursive: true });
      for (const path of VIEWER) cpSync(join(import.meta.dirname, path), join(folder, basename(path)));
    },
  };
}

/** Compressed copies beside the files, so that the server has nothing to compress. */
function compressed() {
  return {
    name: "compressed",
    apply: "build" as const,
    closeBundle() {
      for (const folder of ["assets", "docs"].map((name) => join(import.meta.dirname, OUT, name))) {
        for (const name of readdirSync(folder)) {
          const file = join(folder, name);
          writeFileSync(`${file}.gz`, gzipSync(readFileSync(file), { level: 9 }));
        }
      }
    },
  };
}

export default defineConfig({
  // The API serves what is built here, as it is.
  base: "/static/app/",
  plugins: [viewer(), compressed()],
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
