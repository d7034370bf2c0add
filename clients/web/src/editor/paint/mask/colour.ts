/** The colour of the veil: one that the picture itself does not have. */

export interface Ink {
  readonly full: string;
  /** Of the lines across it, which show where the picture is of that colour after all. */
  readonly line: string;
}

/** Safelight red, as the page has it. */
export const RED: Ink = { full: "#ff3a22", line: "#ffb3a6" };

/** For pictures that are red themselves. */
export const BLUE: Ink = { full: "#1f8bff", line: "#c4e2ff" };

/** How much of a picture may be red before red says nothing. */
const MUCH = 0.04;

/** The side that a picture is looked at in: colours, no shapes. */
const SIDE = 32;

/** The ink for a picture of these pixels (red, green, blue, opacity). */
export function inkFor(pixels: Uint8ClampedArray): Ink {
  let red = 0;
  for (let at = 0; at < pixels.length; at += 4) {
    const [r, g, b] = [pixels[at]!, pixels[at + 1]!, pixels[at + 2]!];
    if (pixels[at + 3]! > 127 && r > 90 && r > 1.5 * g && r > 1.5 * b) red++;
  }
  return (4 * red) / pixels.length > MUCH ? BLUE : RED;
}

/** The ink for the picture at this address. */
export async function inkOf(url: string): Promise<Ink> {
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = SIDE;
    const context = canvas.getContext("2d", { willReadFrequently: true })!;
    context.drawImage(image, 0, 0, SIDE, SIDE);
    return inkFor(context.getImageData(0, 0, SIDE, SIDE).data);
  } catch {
    // Another server's picture may be shown and not read.
    return RED;
  }
}
