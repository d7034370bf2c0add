import { defineConfig } from "vitest/config";

export default defineConfig({
  // The API serves what is built here, as it is.
  base: "/static/app/",
  build: {
    outDir: "../../server/static/app",
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
