/** What comes from elsewhere than this server of today: links, presets, servers of an earlier version. */
import { afterEach, describe, expect, it, vi } from "vitest";
import "./page";
import { written } from "./samples";

const { read } = await import("../src/state/form/preset");
const { list } = await import("../src/api/jobs");
const { models } = await import("../src/api/models/models");

const link = (request: unknown) => read(btoa(JSON.stringify(request)));

describe("a link into the form", () => {
  it("says again what was written", () => {
    const preset = { prompt: "một con mèo", steps: 8, loras: [{ name: "ink", weight: 0.5 }], hires: { scale: 2 } };
    expect(read(written(preset as never))).toEqual(preset);
  });

  it("sets no field with a value of another kind", () => {
    expect(link({ prompt: 5, steps: "8", loras: "x", hires: "q", seed: {}, negative_prompt: "red" })).toEqual({
      negative_prompt: "red",
    });
    expect(link({ prompt: "a", loras: [null] })).toEqual({ prompt: "a" });
    expect(link({ prompt: {}, image: "x" })).toBeNull();
    expect(link(7)).toBeNull();
    expect(link(null)).toBeNull();
  });
});

describe("a server of an earlier version", () => {
  afterEach(() => vi.unstubAllGlobals());
  const answers = (body: unknown) => vi.stubGlobal("fetch", () => Promise.resolve(Response.json(body)));

  it("sends jobs without the lists that came later", async () => {
    answers({ jobs: [{ id: "a" }], next_cursor: null });
    expect((await list()).jobs).toEqual([{ id: "a", files: [], notes: [], outputs: [], pictures: [] }]);
  });

  it("sends models without them", async () => {
    answers({ models: [{ name: "ink" }] });
    expect(await models()).toEqual({ models: [{ name: "ink", sizes: [] }], left_alone: [], problems: [] });
  });
});
