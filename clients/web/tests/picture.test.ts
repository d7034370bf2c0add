import { describe, expect, it } from "vitest";
import "./page";

const { fitted } = await import("../src/actions/picture");

describe("a photograph", () => {
  it("is sent as large as the server makes pictures, and no larger", () => {
    expect(fitted(4000, 3000)).toEqual({ width: 2048, height: 1536 });
    expect(fitted(4000, 3000, { longest: 4096, pixels: 50_000_000 })).toEqual({ width: 4000, height: 3000 });
    const { width, height } = fitted(4000, 3000, { longest: 4096, pixels: 4_194_304 });
    expect(width * height).toBeLessThanOrEqual(4_194_304);
    expect(width / height).toBeCloseTo(4 / 3, 2);
  });

  it("keeps its shape and at least one pixel", () => {
    expect(fitted(10_000, 2)).toEqual({ width: 2048, height: 1 });
    expect(fitted(33, 21)).toEqual({ width: 33, height: 21 });
  });
});
