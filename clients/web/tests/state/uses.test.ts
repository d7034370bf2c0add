import { beforeEach, describe, expect, it, vi } from "vitest";
import "../page";
import { model } from "../samples";

let listed: unknown[] = [];
vi.stubGlobal("fetch", () => Promise.resolve(Response.json({ models: listed, left_alone: [], problems: [] })));

const { input } = await import("../../src/state/form/input");
const { models, refreshModels, usualUse } = await import("../../src/state/form/models");

const taken = (use: string) => ({ use, picture: new Blob(["p"]), url: "blob:x", width: 64, height: 64, more: [] }) as never;

describe("what is done with a picture", () => {
  beforeEach(() => {
    models.value = [];
    input.value = null;
  });

  it("is what most models do, as long as none is known", () => {
    expect(usualUse()).toBe("image-to-image");
  });

  it("is what the model is best at", async () => {
    listed = [model({ kinds: ["edit", "image-to-image"] })];
    await refreshModels();
    expect(usualUse()).toBe("edit");
  });

  it("becomes what the model does, where the picture was there first", async () => {
    input.value = taken("image-to-image");
    listed = [model({ kinds: ["edit"] })];
    await refreshModels();
    expect(input.peek()?.use).toBe("edit");
  });

  it("stays as it was chosen where the model does it", async () => {
    input.value = taken("upscale");
    listed = [model({ kinds: ["image-to-image", "upscale"] })];
    await refreshModels();
    expect(input.peek()?.use).toBe("upscale");
  });
});
