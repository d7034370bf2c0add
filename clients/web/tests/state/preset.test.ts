import { describe, expect, it } from "vitest";
import "../page";
import { model, written } from "../samples";

const { EMPTY, draft, fill, request } = await import("../../src/state/form/draft");
const { models } = await import("../../src/state/form/models");
const { presetOf, read, use } = await import("../../src/state/form/preset");

describe("a preset that a link brings before any model is known", () => {
  it("leaves to the model what is its own", () => {
    draft.value = EMPTY;
    use({ kind: "text-to-image", prompt: "cat", model: "emoji", steps: 7 });
    models.value = [model()];
    expect(draft.value).toMatchObject({ prompt: "cat", model: null, steps: 7 });
    models.value = [];
  });
});

describe("styles", () => {
  it("are named in the request, for the server has their words", () => {
    expect(request({ ...EMPTY, prompt: "cat", styles: ["Ink", "Round"] }, null).styles).toEqual(["Ink", "Round"]);
    expect(request({ ...EMPTY, prompt: "cat" }, null)).not.toHaveProperty("styles");
  });

  it("are a part of what a preset and its link carry", () => {
    draft.value = { ...EMPTY, prompt: "cat", styles: ["Ink"] };
    const link = written(presetOf());
    draft.value = EMPTY;
    use(read(link)!);
    expect(draft.value).toMatchObject({ prompt: "cat", styles: ["Ink"] });
  });

  it("are not put to a picture twice that is made again", () => {
    draft.value = { ...EMPTY, styles: ["Ink"] };
    fill({ kind: "text-to-image", prompt: "cat, ink drawing" });
    expect(draft.value.styles).toEqual([]);
  });
});
