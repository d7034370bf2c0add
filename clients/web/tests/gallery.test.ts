import { describe, expect, test } from "vitest";
import { fileName, infotextOf } from "../src/actions/saving/png";
import { boxesOf, GAP, heightOf, moved, rowOf, rowsIn, rowsOf, shape } from "../src/gallery/grid/layout";
import { meant, toggled, wayOf, WHOLE, within, zoomed } from "../src/gallery/viewer/hand";

const shapes = Array.from({ length: 5000 }, (_, index) => shape(64 + (index % 7) * 16, 96));

describe("rows", () => {
  const rows = rowsOf(shapes, 1360, 190);

  test("hold every picture once, in order", () => {
    expect(rows[0]!.from).toBe(0);
    expect(rows.at(-1)!.to).toBe(shapes.length);
    for (let index = 1; index < rows.length; index++) expect(rows[index]!.from).toBe(rows[index - 1]!.to);
  });

  test("fill the width, but for the last", () => {
    for (const row of rows.slice(0, -1)) {
      const last = boxesOf(row, shapes).at(-1)!;
      expect(last.x + last.width).toBeCloseTo(1360, 5);
    }
  });

  test("do not change when more comes at the end", () => {
    const more = rowsOf([...shapes, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], 1360, 190);
    expect(more.slice(0, rows.length - 1)).toEqual(rows.slice(0, -1));
  });

  test("of a lone picture are no higher than others", () => {
    expect(rowsOf([1], 1360, 190)).toEqual([{ y: 0, height: 190, from: 0, to: 1 }]);
    expect(rowsOf([], 1360)).toEqual([]);
    expect(heightOf([])).toBe(0);
  });

  test("are no higher at the end than above it", () => {
    for (const count of [5, 6, 7]) {
      const squares = Array.from({ length: count }, () => 1);
      const [above, last] = rowsOf(squares, 358, 108);
      expect(last!.height).toBe(above!.height);
    }
  });

  test("are no wider than the page, however wide the pictures", () => {
    expect(shape(4000, 100)).toBeLessThan(3);
    for (const row of rowsOf([2.5, 2.5, 2.5], 200, 120)) {
      const last = boxesOf(row, [2.5, 2.5, 2.5].slice(0, row.to)).at(-1)!;
      expect(last.x + last.width).toBeLessThanOrEqual(200.001);
    }
  });

  test("in sight are those that the window cuts", () => {
    const [from, to] = rowsIn(rows, 1000, 1900);
    expect(rows[from]!.y + rows[from]!.height).toBeGreaterThan(1000);
    expect(rows[from - 1]!.y + rows[from - 1]!.height).toBeLessThanOrEqual(1000);
    expect(rows[to - 1]!.y).toBeLessThan(1900);
    expect(rows[to]!.y).toBeGreaterThanOrEqual(1900);
    expect(rowsIn(rows, -500, -100)).toEqual([0, 0]);
    expect(rowsIn([], 0, 100)).toEqual([0, 0]);
  });

  test("are found by a picture", () => {
    for (const index of [0, 17, 4999]) {
      const row = rows[rowOf(rows, index)]!;
      expect(row.from <= index && index < row.to).toBe(true);
    }
  });
});

describe("a key", () => {
  const six = [1, 1, 1, 1, 1, 1];
  const rows = rowsOf(six, 300 + 2 * GAP, 100);

  test.each([
    [0, "ArrowLeft", 0],
    [0, "ArrowRight", 1],
    [2, "ArrowRight", 3],
    [1, "ArrowDown", 4],
    [4, "ArrowUp", 1],
    [1, "ArrowUp", 1],
    [5, "ArrowDown", 5],
    [3, "Home", 0],
    [3, "End", 5],
  ])("leads from %i by %s to %i", (index, key, there) => {
    expect(moved(rows, six, index, key)).toBe(there);
  });
});

describe("fingers", () => {
  test("enlarge round the point between them", () => {
    const shown = zoomed(WHOLE, 2, { x: 50, y: -20 });
    expect(shown).toEqual({ scale: 2, x: -50, y: 20 });
    expect(zoomed(shown, 0.1, { x: 0, y: 0 }).scale).toBe(1);
    expect(zoomed(WHOLE, 100, { x: 0, y: 0 }).scale).toBe(8);
  });

  test("that tap twice enlarge, and twice again do not", () => {
    const once = toggled(WHOLE, { x: 0, y: 0 });
    expect(once.scale).toBeGreaterThan(2);
    expect(toggled(once, { x: 9, y: 9 })).toEqual(WHOLE);
  });

  test("move a picture no further than its edge", () => {
    const picture = { width: 300, height: 300 };
    const stage = { width: 400, height: 700 };
    expect(within({ scale: 2, x: 500, y: 500 }, picture, stage)).toEqual({ scale: 2, x: 100, y: 0 });
    expect(within({ scale: 1, x: 50, y: 50 }, picture, stage)).toEqual(WHOLE);
  });

  test("turn sideways, close downwards, and may tremble", () => {
    expect(wayOf({ x: 3, y: 4 })).toBeNull();
    expect(wayOf({ x: -30, y: 10 })).toBe("turn");
    expect(wayOf({ x: 5, y: 30 })).toBe("close");
    expect(wayOf({ x: 5, y: -30 })).toBeNull();
  });

  test("mean it when they go far or are quick, unless they come back", () => {
    expect(meant(-120, -0.1, 360)).toBe(true);
    expect(meant(-40, -0.8, 360)).toBe(true);
    expect(meant(-40, -0.1, 360)).toBe(false);
    expect(meant(-120, 0.5, 360)).toBe(false);
  });
});

describe("a file's name", () => {
  test.each([
    ["red apple, 3d", 7, "red-apple-3d-7.png"],
    ["Phở bò / <lora:pixel:0.8> 🍜", 1, "phở-bò-1.png"],
    ["../../etc/passwd", 2, "etc-passwd-2.png"],
    ["", 3, "darkroom-3.png"],
    ["x".repeat(500), 4, "darkroom-4.png"],
  ])("of %s is kept to words", (prompt, seed, name) => {
    expect(fileName(prompt, seed)).toBe(name);
  });

  test("ends at a whole word", () => {
    expect(fileName("a long prompt ".repeat(40), 1).length).toBeLessThan(70);
  });
});

describe("a PNG's recipe", () => {
  const bytes = (text: string) => [...new TextEncoder().encode(text)];
  const chunk = (type: string, data: number[]) => {
    const size = new Uint8Array(4);
    new DataView(size.buffer).setUint32(0, data.length);
    return [...size, ...bytes(type), ...data, 0, 0, 0, 0];
  };
  const png = (...chunks: number[][]) =>
    new Uint8Array([0x89, ...bytes("PNG\r\n"), 0x1a, 0x0a, ...chunks.flat()]);

  test("is read from either kind of text", () => {
    const plain = chunk("tEXt", [...bytes("parameters"), 0, ...bytes("a cat")]);
    const other = chunk("tEXt", [...bytes("Comment"), 0, ...bytes("x")]);
    const wide = chunk("iTXt", [...bytes("parameters"), 0, 0, 0, 0, 0, ...bytes("phở 🍜")]);
    expect(infotextOf(png(other, plain))).toBe("a cat");
    expect(infotextOf(png(other, wide))).toBe("phở 🍜");
    expect(infotextOf(png(other))).toBeNull();
    expect(infotextOf(new Uint8Array([1, 2, 3]))).toBeNull();
  });
});
