import { describe, expect, it } from "vitest";
import "./page";
import { job } from "./samples";

const { latest, MOST, turn } = await import("../src/show/latest");

const made = (id: string, count: number, url = "u") => {
  const outputs = Array.from({ length: count }, (_, at) => ({ id: `${id}-${at}`, url })) as never[];
  return job(id, { status: "succeeded", outputs });
};

describe("the newest pictures", () => {
  it("come newest first, and no more than fill a screen", () => {
    const ids = latest([made("b", 2), made("a", 40)], []).map(({ id }) => id);
    expect(ids.slice(0, 3)).toEqual(["b-1", "b-0", "a-39"]);
    expect(ids).toHaveLength(MOST);
  });

  it("keep the addresses that they have been shown from", () => {
    const before = latest([made("a", 1, "first")], []);
    expect(latest([made("a", 1, "second")], before)[0]!.output.url).toBe("first");
  });
});

describe("the large one", () => {
  const [a, b, c] = latest([made("c", 1), made("b", 1), made("a", 1)], []) as [never, never, never];

  it("is the newest as soon as there is one", () => {
    expect(turn("b-0", [b, c], [a, b, c], false)).toBe("c-0");
  });

  it("is each in turn where nothing new comes, and stays until it is due", () => {
    expect(turn("c-0", [a, b, c], [a, b, c], false)).toBe("c-0");
    expect(turn("c-0", [a, b, c], [a, b, c], true)).toBe("b-0");
    expect(turn("a-0", [a, b, c], [a, b, c], true)).toBe("c-0");
  });

  it("is another where it was deleted, and none where there is none", () => {
    expect(turn("x-0", [a], [a], false)).toBe("c-0");
    expect(turn("x-0", [], [], true)).toBeNull();
  });
});
