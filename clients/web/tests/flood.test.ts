import { describe, expect, it } from "vitest";
import { flooded } from "../src/editor/paint/mask/flood";
import { meant } from "../src/editor/paint/meant";

/** A picture of letters, each a colour: blue, light blue, red. */
const COLOURS: Record<string, [number, number, number]> = { b: [0, 0, 200], l: [20, 20, 220], r: [220, 0, 0] };

function picture(rows: readonly string[]) {
  const bytes = rows.flatMap((row) => [...row].flatMap((each) => [...COLOURS[each]!, 255]));
  return { rgba: new Uint8ClampedArray(bytes), size: { width: rows[0]!.length, height: rows.length } };
}

const drawn = (found: Uint8Array, width: number) =>
  Array.from({ length: found.length / width }, (_, y) => [...found.slice(y * width, (y + 1) * width)].join(""));

describe("what a tap fills", () => {
  const { rgba, size } = picture(["bbrrrrrb", "bbrrrrrb", "blrrrrrr", "rrrrrrrr", "rrrrrrrr"]);

  it("hangs together and is alike, and a pixel wider", () => {
    const found = flooded(rgba, size, { x: 0.5, y: 0.5 }, { tolerance: 0.1, everywhere: false });
    expect(drawn(found, 8)).toEqual(["11100000", "11100000", "11100000", "11000000", "00000000"]);
  });

  it("leaves out what is less alike than that", () => {
    const found = flooded(rgba, size, { x: 0, y: 0 }, { tolerance: 0.01, everywhere: false });
    expect(drawn(found, 8)[3]).toBe("10000000");
  });

  it("is that colour everywhere where a colour was taken", () => {
    const found = flooded(rgba, size, { x: 0, y: 0 }, { tolerance: 0.1, everywhere: true });
    expect(drawn(found, 8)).toEqual(["11100011", "11100011", "11100001", "11000000", "00000000"]);
  });

  it("goes round corners and is no further than the picture", () => {
    const spiral = picture(["bbbbb", "rrrrb", "bbbrb", "brrrb", "bbbbb"]);
    const found = flooded(spiral.rgba, spiral.size, { x: 99, y: -3 }, { tolerance: 0.1, everywhere: false });
    expect(found[2 * 5 + 0]).toBe(1);
    expect(found[2 * 5 + 2]).toBe(1);
  });
});

describe("a stroke", () => {
  it("means what its tool does", () => {
    expect(meant("brush", 0.4, 0.1)).toEqual({ erase: false, level: 0.4 });
    expect(meant("eraser", 0.4, 0.1)).toEqual({ erase: true, level: 1 });
    expect(meant("lasso", 1, 0.1)).toMatchObject({ round: true });
    expect(meant("fill", 1, 0.1).flood).toEqual({ tolerance: 0.1, everywhere: false });
    expect(meant("eyedropper", 1, 0.2).flood).toEqual({ tolerance: 0.2, everywhere: true });
  });
});
