import { describe, expect, test } from "vitest";
import { dragged, grown, most, withSide, type Limits } from "../src/editor/grow/edges";
import { Gestures, type Meaning, type Touch } from "../src/editor/paint/gestures";
import { boxes, weights } from "../src/editor/paint/mask/soften";
import { BLUE, inkFor, RED } from "../src/editor/paint/mask/colour";
import { added, inverted, NOTHING, pieces, pressed, redone, undone, visible, worthKeeping, type Stroke } from "../src/editor/paint/mask/strokes";
import { fit, held, pinched, revealing, toPicture, toStage, zoomed } from "../src/editor/view";

const PICTURE = { width: 400, height: 200 };
const STAGE = { width: 360, height: 500 };

describe("the view", () => {
  test("shows all of a picture in the middle", () => {
    const view = fit(PICTURE, STAGE, 0);
    expect(view.scale).toBeCloseTo(0.9);
    expect(toStage(view, { x: 200, y: 100 })).toEqual({ x: 180, y: 250 });
  });

  test("leads from the stage to the picture and back", () => {
    const view = { scale: 2.5, x: -31, y: 7 };
    const there = toPicture(view, { x: 120, y: 80 });
    expect(toStage(view, there).x).toBeCloseTo(120);
    expect(toStage(view, there).y).toBeCloseTo(80);
  });

  test("keeps what is under the pointer there when it zooms", () => {
    const view = fit(PICTURE, STAGE);
    const at = { x: 100, y: 260 };
    const before = toPicture(view, at);
    const after = toPicture(zoomed(view, 3, at), at);
    expect(after.x).toBeCloseTo(before.x);
    expect(after.y).toBeCloseTo(before.y);
  });

  test("keeps what two fingers hold between them", () => {
    const view = fit(PICTURE, STAGE);
    const [before, now] = [
      [{ x: 100, y: 200 }, { x: 140, y: 200 }],
      [{ x: 90, y: 260 }, { x: 190, y: 260 }],
    ] as const;
    const next = pinched(view, [...before], [...now]);
    expect(next.scale / view.scale).toBeCloseTo(2.5);
    expect(toPicture(next, { x: 140, y: 260 }).x).toBeCloseTo(toPicture(view, { x: 120, y: 200 }).x);
    expect(toPicture(next, { x: 140, y: 260 }).y).toBeCloseTo(toPicture(view, { x: 120, y: 200 }).y);
  });

  test("never loses the picture, nor gets smaller than the whole", () => {
    const whole = fit(PICTURE, STAGE);
    expect(held(zoomed(whole, 0.1, { x: 0, y: 0 }), PICTURE, STAGE)).toEqual(whole);
    const far = held({ scale: 4, x: 9000, y: -9000 }, PICTURE, STAGE);
    const middle = toPicture(far, { x: 180, y: 250 });
    expect(middle).toEqual({ x: 0, y: 200 });
    expect(held({ scale: 1e6, x: 0, y: 0 }, PICTURE, STAGE).scale).toBe(8);
  });

  test("follows the keyboard's brush out of sight, and else stays", () => {
    const view = { scale: 4, x: 0, y: 0 };
    expect(revealing(view, { x: 40, y: 40 }, STAGE)).toEqual(view);
    expect(toStage(revealing(view, { x: 300, y: 40 }, STAGE), { x: 300, y: 40 }).x).toBe(STAGE.width - 48);
  });
});

describe("strokes", () => {
  const stroke = (x: number, erase = false): Stroke => ({ erase, level: 1, dabs: [{ x, y: 0, radius: 2 }] });

  test("come back in the order in which they were undone", () => {
    const three = [1, 2, 3].reduce((history, x) => added(history, stroke(x)), NOTHING);
    expect(redone(redone(undone(undone(three))))).toEqual(three);
    expect(undone(NOTHING)).toBe(NOTHING);
    expect(redone(three)).toBe(three);
  });

  test("that were undone are gone once another is painted", () => {
    const history = added(undone(added(NOTHING, stroke(1))), stroke(2));
    expect(history).toEqual({ done: [stroke(2)], undone: [] });
  });

  test("are covered by a clear, and show again when that is undone", () => {
    const history = added(added(NOTHING, stroke(1)), "clear");
    expect(visible(history.done)).toEqual({ cleared: true, strokes: [] });
    expect(visible(undone(history).done)).toEqual({ cleared: false, strokes: [stroke(1)] });
  });

  test("stay when what was inverted after them is undone, and turn back by it", () => {
    const painted = added(NOTHING, stroke(1));
    const turned = added(painted, "invert");
    expect(inverted(turned.done, false)).toBe(true);
    expect(visible(turned.done).strokes).toEqual([stroke(1)]);
    expect(undone(turned).done).toEqual([stroke(1)]);
    expect(inverted(undone(turned).done, false)).toBe(false);
  });

  test("that are cleared leave nothing to repaint, inverted or not", () => {
    const cleared = added(added(added(NOTHING, stroke(1)), "invert"), "clear");
    expect(visible(cleared.done)).toEqual({ cleared: true, strokes: [] });
    expect(inverted(cleared.done, true)).toBe(false);
  });

  test("are the same whether drawn while they grow or at once", () => {
    const dabs = [0, 10, 20, 30, 40].map((x) => ({ x, y: (x * x) / 40, radius: 3 }));
    const grown = dabs.flatMap((_, at) => pieces(dabs.slice(0, at + 1), at, false));
    expect([...grown, pieces(dabs).at(-1)]).toEqual(pieces(dabs));
  });

  test("have no gap between their pieces, and reach both ends", () => {
    const all = pieces([0, 7, 20, 24].map((x) => ({ x, y: -x, radius: 3 })));
    expect(all[0]!.from).toMatchObject({ x: 0 });
    expect(all.at(-1)!.to).toMatchObject({ x: 24 });
    for (let at = 1; at < all.length; at++) expect(all[at]!.from).toMatchObject({ x: all[at - 1]!.to.x });
  });

  test("of a tap are one dot", () => {
    expect(pieces([{ x: 5, y: 6, radius: 4 }])).toMatchObject([{ from: { x: 5 }, to: { x: 5 }, width: 8 }]);
  });

  test("leave out points that add nothing", () => {
    const last = { x: 5, y: 5, radius: 8 };
    expect(worthKeeping([last], { x: 5.2, y: 5, radius: 8 }, 1)).toBe(false);
    expect(worthKeeping([last], { x: 7, y: 5, radius: 8 }, 1)).toBe(true);
    expect(worthKeeping([last], { x: 5, y: 5, radius: 5 }, 1)).toBe(true);
  });

  test("are thinner where a pen presses less, and never by a finger", () => {
    expect(pressed("pen", 0.2)).toBeLessThan(pressed("pen", 0.9));
    expect(pressed("touch", 0.2)).toBe(1);
  });
});

describe("the veil", () => {
  const filled = (red: number, green: number, blue: number) =>
    Uint8ClampedArray.from({ length: 4 * 100 }, (_, at) => [red, green, blue, 255][at % 4]!);

  test("is red, and blue where the picture is red itself", () => {
    expect(inkFor(filled(40, 160, 60))).toBe(RED);
    expect(inkFor(filled(200, 190, 180))).toBe(RED);
    expect(inkFor(filled(220, 40, 30))).toBe(BLUE);
    const apple = filled(250, 250, 250);
    apple.set(filled(200, 30, 20).subarray(0, 80));
    expect(inkFor(apple)).toBe(BLUE);
  });
});

describe("soft edges", () => {
  test("are twice the server's Gaussian, and take nothing white away", () => {
    const [size, sigma] = [121, 6];
    // White from the middle on: the Gaussian of a straight edge is known.
    const mask = Uint8ClampedArray.from({ length: size * size }, (_, at) => (at % size >= 60 ? 255 : 0));
    const seen = weights(mask, size, size, sigma).subarray(60 * size, 61 * size);
    expect(seen[60]).toBe(255);
    expect(seen[120]).toBe(255);
    for (const [before, phi] of [[0.5, 0.4668], [6.5, 0.1393], [12.5, 0.0186], [30.5, 0]] as const) {
      expect(Math.abs(seen[60 - Math.round(before + 0.5)]! - 2 * 255 * phi)).toBeLessThan(8);
    }
  });

  test("have the variance that was asked for", () => {
    for (const sigma of [1, 2, 4, 9, 30]) {
      const variance = boxes(sigma).reduce((sum, radius) => sum + ((2 * radius + 1) ** 2 - 1) / 12, 0);
      expect(Math.abs(Math.sqrt(variance) - sigma)).toBeLessThan(0.3);
    }
  });

  test("of no pixels leave the mask as it is", () => {
    const mask = Uint8ClampedArray.from([0, 255, 0, 90]);
    expect(weights(mask, 2, 2, 0)).toEqual(mask);
  });

  test("leave what is painted lightly as light as it is", () => {
    const mask = new Uint8ClampedArray(81).fill(100);
    expect(weights(mask, 9, 9, 3)[40]).toBe(100);
  });
});

describe("edges", () => {
  const limits: Limits = { width: 2048, height: 2048, pixels: 4_194_304, factor: 8 };
  const none = { left: 0, top: 0, right: 0, bottom: 0 };
  const odd = { width: 133, height: 128 };

  test("bring the finished picture to the model's multiple", () => {
    const edges = withSide(odd, none, "right", 40, limits);
    expect(grown(odd, edges)).toEqual({ width: 176, height: 128 });
    expect(grown(odd, withSide(odd, edges, "left", 3, limits)).width % 8).toBe(0);
  });

  test("go back to nothing", () => {
    const edges = withSide(odd, none, "right", 40, limits);
    expect(withSide(odd, edges, "right", 0, limits)).toEqual(none);
    expect(withSide(odd, edges, "right", -20, limits)).toEqual(none);
    expect(withSide(odd, edges, "right", Number.NaN, limits)).toEqual(none);
  });

  test("stop at the server's limits", () => {
    const edges = withSide(odd, none, "bottom", 1e9, limits);
    expect(grown(odd, edges).height).toBe(2048);
    const few = { ...limits, pixels: 128 * 256 };
    expect(grown(PICTURE, withSide(PICTURE, none, "top", 500, few))).toEqual(PICTURE);
    const small = { width: 128, height: 128 };
    expect(grown(small, withSide(small, none, "top", 500, few))).toEqual({ width: 128, height: 256 });
  });

  test("say how far each may go beside the others", () => {
    const edges = { ...none, left: 1000 };
    expect(most({ width: 1024, height: 512 }, edges, "right", limits)).toBe(24);
    expect(most({ width: 2048, height: 2048 }, none, "right", limits)).toBe(0);
  });

  test("grow on two sides by a corner, and only outward", () => {
    const square = { width: 128, height: 128 };
    const at = dragged(square, none, "top-left", { x: -33, y: -16 }, limits);
    expect(at).toEqual({ left: 32, top: 16, right: 0, bottom: 0 });
    expect(dragged(square, none, "bottom-right", { x: -33, y: -16 }, limits)).toEqual(none);
    // From where it was when the drag began, not from where the last move left it.
    expect(dragged(square, at, "left", { x: 16, y: 0 }, limits).left).toBe(16);
  });
});

describe("gestures", () => {
  function hand() {
    const said: string[] = [];
    const meaning: Meaning = {
      begin: ({ x }) => said.push(`begin ${x}`),
      paint: ({ x }) => said.push(`paint ${x}`),
      end: () => said.push("end"),
      discard: () => said.push("discard"),
      pinch: (before, now) => said.push(`pinch ${before[1].x} ${now[1].x}`),
      pan: ({ x }) => said.push(`pan ${x}`),
    };
    return { said, gestures: new Gestures(meaning) };
  }
  const touch = (id: number, x: number, time = 0, type = "touch"): Touch => ({ id, x, y: 0, time, type });

  test("one finger paints", () => {
    const { said, gestures } = hand();
    gestures.down(touch(1, 5));
    gestures.move(touch(1, 9));
    gestures.up(1);
    expect(said).toEqual(["begin 5", "paint 9", "end"]);
  });

  test("a second finger makes a pinch of a stroke that just began, and the rest paints nothing", () => {
    const { said, gestures } = hand();
    gestures.down(touch(1, 5));
    gestures.move(touch(1, 9));
    gestures.down(touch(2, 50, 90));
    gestures.move(touch(2, 60));
    gestures.up(2);
    gestures.move(touch(1, 20));
    gestures.up(1);
    gestures.down(touch(3, 1));
    expect(said).toEqual(["begin 5", "paint 9", "discard", "pinch 50 60", "begin 1"]);
  });

  test("a finger that waits for the second one paints nothing", () => {
    const { said, gestures } = hand();
    gestures.down(touch(1, 5));
    gestures.move(touch(1, 8));
    gestures.down(touch(2, 50, 2000));
    expect(said).toEqual(["begin 5", "paint 8", "discard"]);
  });

  test("a palm late in a stroke changes nothing", () => {
    const { said, gestures } = hand();
    gestures.down(touch(1, 5));
    gestures.move(touch(1, 90));
    gestures.down(touch(2, 300, 120));
    gestures.move(touch(2, 310));
    gestures.move(touch(1, 99));
    gestures.up(2);
    gestures.up(1);
    expect(said).toEqual(["begin 5", "paint 90", "paint 99", "end"]);
  });

  test("a palm beside a pen never pinches", () => {
    const { said, gestures } = hand();
    gestures.down(touch(1, 5, 0, "pen"));
    gestures.down(touch(2, 300, 10));
    gestures.move(touch(1, 6, 20, "pen"));
    expect(said).toEqual(["begin 5", "paint 6"]);
  });

  test("a stroke that the system takes away leaves no trace", () => {
    const { said, gestures } = hand();
    gestures.down(touch(1, 5));
    gestures.up(1, true);
    expect(said).toEqual(["begin 5", "discard"]);
  });

  test("the hand moves the picture, and two fingers zoom from there", () => {
    const { said, gestures } = hand();
    gestures.down(touch(1, 5), true);
    gestures.move(touch(1, 8));
    gestures.down(touch(2, 50, 900), true);
    gestures.move(touch(2, 51));
    expect(said).toEqual(["pan 3", "pinch 50 51"]);
  });
});
