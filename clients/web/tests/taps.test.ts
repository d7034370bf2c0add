import { expect, it } from "vitest";
import { Taps, type Tap } from "../src/ui/taps";

const tap = (on: string, at: number, more: Partial<Tap> = {}): Tap => ({ on, means: on, x: 100, y: 100, at, ...more });

it("drops the second tap of a double tap where something else is by then", () => {
  for (const second of [tap("what came up", 250), tap("the same", 250, { means: "the next picture" })]) {
    const taps = new Taps();
    expect(taps.take(tap("the same", 0))).toBe(true);
    expect(taps.stray(second)).toBe(true);
    expect(taps.take(second)).toBe(false);
    // A third one of the same haste was not meant for it either.
    expect(taps.take({ ...second, at: 500 })).toBe(false);
    expect(taps.take({ ...second, at: 1000 })).toBe(true);
  }
});

it("lets fast taps through on one button, and at other places", () => {
  const taps = new Taps();
  for (const at of [0, 90, 180, 270]) expect(taps.take(tap("plus", at))).toBe(true);
  expect(taps.take(tap("minus", 300, { x: 150 }))).toBe(true);
  expect(taps.take(tap("plus", 350))).toBe(true);
  expect(taps.take(tap("what came up", 800))).toBe(true);
});
