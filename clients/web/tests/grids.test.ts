import { afterEach, describe, expect, it } from "vitest";
import "./page";
import { job } from "./samples";

const { axisOf, count, EMPTY_ROW, valuesOf } = await import("../src/grids/plan");
const { language } = await import("../src/i18n");
const { gridOf } = await import("../src/state/live/grids");

afterEach(() => {
  language.value = "en";
});

describe("an axis", () => {
  it("takes numbers as people write them", () => {
    const guidance = (text: string) => valuesOf({ ...EMPTY_ROW, field: "guidance_scale", text });
    expect(guidance(" 1, 2.5;4 7")).toEqual([1, 2.5, 4, 7]);
    expect(guidance("1, x")).toBeNull();
    expect(guidance("١، ٢٫٥؛ ۴")).toEqual([1, 2.5, 4]);
    language.value = "vi";
    expect(guidance("1,5 3, 4")).toEqual([1.5, 3, 4]);
    expect(valuesOf({ ...EMPTY_ROW, field: "steps", text: "4,8,20" })).toEqual([4, 8, 20]);
  });

  it("puts words in the place of others, or takes whole prompts", () => {
    const row = { ...EMPTY_ROW, field: "words" as const, text: "apple\n\n pear \n" };
    expect(axisOf({ ...row, replace: "apple" }, "Words", String)).toEqual({
      field: "/prompt",
      values: ["apple", "pear"],
      title: "apple",
      replace: "apple",
    });
    expect(axisOf(row, "Words", String)).toEqual({ field: "/prompt", values: ["apple", "pear"], title: "Words" });
  });

  it("is labelled with what its values are called", () => {
    const row = { ...EMPTY_ROW, field: "sampler" as const, names: ["euler", "ddim"] };
    expect(axisOf(row, "Sampler", (name) => name.toUpperCase())).toEqual({
      field: "/sampler",
      values: ["euler", "ddim"],
      title: "Sampler",
      labels: ["EULER", "DDIM"],
    });
  });

  it("multiplies with the others", () => {
    const steps = { ...EMPTY_ROW, field: "steps" as const, text: "4 8 20" };
    expect(count([steps, EMPTY_ROW, { ...EMPTY_ROW, field: "seed", text: "1 2" }])).toBe(6);
    expect(count([steps, { ...EMPTY_ROW, field: "sampler" }])).toBe(0);
    expect(count([EMPTY_ROW])).toBe(0);
  });
});

describe("a job", () => {
  it("says of which grid it is a cell", () => {
    const plain = job("a");
    expect(gridOf(plain)).toBeNull();
    expect(gridOf({ ...plain, input: { ...plain.input, metadata: { grid: "g1" } } })).toBe("g1");
  });
});
