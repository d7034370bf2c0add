import { expect, it, vi } from "vitest";

const back = vi.fn();
vi.stubGlobal("history", { back });
const { settled, stepBack, wasOwn } = await import("../../src/state/page/steps");

it("keeps what is gone to from being undone by a step back that is still under way", () => {
  vi.useFakeTimers();
  const gone: string[] = [];
  settled(() => gone.push("at once"));
  stepBack();
  settled(() => gone.push("after it"));
  expect(gone).toEqual(["at once"]);
  expect(wasOwn()).toBe(true);
  expect(gone).toEqual(["at once", "after it"]);
  expect(wasOwn()).toBe(false);
  // One that never comes about holds nothing up for good.
  stepBack();
  settled(() => gone.push("all the same"));
  vi.advanceTimersByTime(1000);
  expect(gone.at(-1)).toBe("all the same");
  expect(back).toHaveBeenCalledTimes(2);
});
