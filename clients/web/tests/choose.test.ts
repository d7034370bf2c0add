import { signal } from "@preact/signals";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Finder } from "../src/editor/paint/choose/finder";
import { lay, runsOf } from "../src/editor/paint/mask/runs";
import { added, instead, NOTHING, type History, type Stroke } from "../src/editor/paint/mask/strokes";
import { choosersOf } from "../src/editor/paint/tool";
import { inputOf } from "../src/state/form/input";
import { model } from "./samples";

const STROKE: Stroke = { erase: false, level: 1, dabs: [] };

describe("places as lengths", () => {
  test("say which of them are sure enough, and make those opaque", () => {
    const runs = runsOf(Uint8Array.from([0, 200, 90, 255, 255, 10]), 90)!;
    expect([...runs]).toEqual([1, 4, 1]);
    const rgba = new Uint8ClampedArray(24);
    lay(runs, rgba);
    expect([0, 1, 2, 3, 4, 5].map((at) => rgba[4 * at + 3])).toEqual([0, 255, 255, 255, 255, 0]);
  });

  test("begin with none where the first is meant, and are null where none is", () => {
    expect([...runsOf(Uint8Array.from([255, 0]), 128)!]).toEqual([0, 1, 1]);
    expect(runsOf(Uint8Array.from([1, 2]), 128)).toBeNull();
  });
});

test("a stroke takes the place of the last one, and of no other", () => {
  const [first, second] = [{ ...STROKE }, { ...STROKE, level: 0.5 }];
  const one = added(NOTHING, first);
  expect(instead(one, first, second).done).toEqual([second]);
  expect(instead(added(one, "invert"), first, second).done).toEqual([first, "invert", second]);
  expect(instead(one, first, null).done).toEqual([]);
});

test("only what the server has a model for is chosen by", () => {
  const by = (task: string) => ({ ...model().loras[0]!, name: task, task });
  expect(choosersOf(null)).toEqual([]);
  expect(choosersOf({ segmenters: [by("points")] })).toEqual(["tap"]);
  expect(choosersOf({ segmenters: [by("points"), by("words")] })).toEqual(["word", "tap"]);
});

describe("what is looked for", () => {
  afterEach(() => vi.unstubAllGlobals());

  const asked: Record<string, unknown>[] = [];
  const greys = (...all: number[]) => all;

  /** A finder on a picture of two by two, whose server answers so, one after the other. */
  function finding(...answers: (number[] | number)[]) {
    asked.length = 0;
    vi.stubGlobal("fetch", async (_: string, init: { body: string }) => {
      asked.push(JSON.parse(init.body));
      const next = answers.shift()!;
      if (typeof next === "number") return Response.json({ type: "urn:darkroom:problem:busy", detail: "busy" }, { status: next });
      return Response.json({ mask: next.join(), threshold: 0.4, share: 0, segmenter: "x", width: 2, height: 2 });
    });
    const history = signal<History>(NOTHING);
    const painter = { history, level: signal(1), change: (next: History) => void (history.value = next) };
    const input = inputOf({ use: "inpaint", picture: "id-0", url: "", width: 2, height: 2 });
    const pixels = { sendable: async () => "id-0", greysOf: async (mask: string) => Uint8Array.from(mask.split(",").map(Number)) };
    return { finder: new Finder(painter, input, pixels), history };
  }

  const painted = (history: History) => history.done.map((each) => [...(each as Stroke).chosen!]);

  test("is one stroke, which counts for more or less until something else is done", async () => {
    const { finder, history } = finding(greys(0, 120, 200, 0));
    await finder.words("hat");
    expect(asked).toEqual([{ words: "hat", soft: true, image: "id-0" }]);
    expect(painted(history.value)).toEqual([[1, 2, 1]]);
    finder.setLeast(0.6);
    expect(painted(history.value)).toEqual([[2, 1, 1]]);
    history.value = added(history.value, "invert");
    expect(finder.tunes.value).toBe(false);
    finder.setLeast(0.1);
    expect(history.value.done).toHaveLength(2);
  });

  test("that is nowhere leaves the mask alone, and says so", async () => {
    const { finder, history } = finding(greys(0, 90, 0, 0));
    await finder.words("hat");
    expect(history.value.done).toEqual([]);
    expect(finder.doing.value).toEqual({ is: "none", said: "hat" });
    finder.setLeast(0.3);
    expect(painted(history.value)).toEqual([[1, 1, 2]]);
    expect(finder.doing.value).toEqual({ is: "nothing" });
  });

  test("that the server cannot say now can be looked for again", async () => {
    const { finder, history } = finding(503, greys(255, 0, 0, 0));
    await finder.tap({ x: 1, y: 1.5 }, true);
    expect(finder.doing.value).toMatchObject({ is: "failed", why: { status: 503 } });
    await finder.tap({ x: 1, y: 1.5 }, true);
    expect(painted(history.value)).toEqual([[0, 1, 3]]);
  });

  test("by a tap, may be told what it is not; a stroke in between begins anew", async () => {
    const { finder, history } = finding(greys(255, 255, 0, 0), greys(255, 0, 0, 0), greys(0, 0, 0, 255));
    await finder.tap({ x: 0, y: 0 }, false);
    expect(asked).toEqual([]);
    await finder.tap({ x: 0.5, y: 0.5 }, true);
    await finder.tap({ x: 1.5, y: 0.5 }, false);
    expect(asked.at(-1)!.points).toEqual([
      { x: 0.25, y: 0.25, positive: true },
      { x: 0.75, y: 0.25, positive: false },
    ]);
    expect(painted(history.value)).toEqual([[0, 1, 3]]);
    await finder.tap({ x: 3, y: 2 }, true);
    expect(asked.at(-1)!.points).toEqual([{ x: 1, y: 1, positive: true }]);
    expect(painted(history.value)).toHaveLength(2);
    history.value = added(history.value, "clear");
    expect(finder.refines.value).toBe(false);
  });

  test("is painted no more once the room is closed", async () => {
    const { finder, history } = finding(greys(255, 0, 0, 0));
    const looking = finder.words("hat");
    finder.close();
    await looking;
    expect(history.value.done).toEqual([]);
  });
});
