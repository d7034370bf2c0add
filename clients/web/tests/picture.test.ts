import { describe, expect, it } from "vitest";
import "./page";

const { fitted } = await import("../src/actions/picture");
const { withoutNotes } = await import("../src/actions/jpeg");

/** A segment of a JPEG. */
function segment(marker: number, ...data: number[]): number[] {
  return [0xff, marker, (data.length + 2) >> 8, (data.length + 2) & 255, ...data];
}

const text = (said: string) => [...said].map((each) => each.charCodeAt(0));

const EXIF = [...text("Exif\0\0II"), 42, 0, 8, 0, 0, 0, 2, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0x25, 0x88, 4, 0, 1, 0, 0, 0, 9, 9, 9, 9, 0, 0, 0, 0, ...text("48.85 N")];

describe("a JPEG in its own pixels", () => {
  it("keeps pixels, colours and how it is turned, and no place, no second picture", async () => {
    const colours = segment(0xe2, ...text("ICC_PROFILE"));
    const scan = [...segment(0xda, 1, 2), 7, 0xff, 0, 8, 0xff, 0xd0, 9, ...segment(0xc4, 0xff, 0xd9), ...segment(0xda, 3), 5, 0xff, 0xd9];
    const file = new Uint8Array([0xff, 0xd8, ...segment(0xe1, ...EXIF), ...colours, ...segment(0xe2, ...text("MPF\0")), ...segment(0xfe, 1), ...segment(0xdb, 4), ...scan, ...EXIF]);
    const cleaned = await withoutNotes(new Blob([file], { type: "image/jpeg" }));
    const bytes = [...new Uint8Array(await cleaned!.arrayBuffer())];
    const turned = [...text("Exif\0\0MM"), 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0];
    expect(bytes).toEqual([0xff, 0xd8, ...segment(0xe1, ...turned), ...colours, ...segment(0xdb, 4), ...scan]);
    expect(cleaned!.type).toBe("image/jpeg");
    expect(await withoutNotes(new Blob([file.slice(0, 90)]))).toBeNull();
  });
});

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
