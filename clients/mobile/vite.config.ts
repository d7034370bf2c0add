import { defineConfig } from "vitest/config";

export default defineConfig({
  publicDir: "../web/public",
  // The page's sources are clients/web's; there is to be one copy of what they are built on.
  resolve: { dedupe: ["preact", "@preact/signals", "idb-keyval"] },
  build: {
    outDir: "www",
    // The second one is for a WebView that is too old for the first.
    rollupOptions: { input: ["index.html", "old.html"] },
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 400,
  },
  test: { include: ["tests/**/*.test.ts"] },
});
