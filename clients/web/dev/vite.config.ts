import { join } from "node:path";
import { defineConfig } from "vite";

const HERE = import.meta.dirname;

/** The page of all parts, which is built for its pictures to be compared and never shipped. */
export default defineConfig({
  root: join(HERE, ".."),
  base: "./",
  publicDir: false,
  build: {
    outDir: join(HERE, "../../../build/parts"),
    emptyOutDir: true,
    target: "es2022",
    rollupOptions: { input: join(HERE, "parts.html") },
  },
});
