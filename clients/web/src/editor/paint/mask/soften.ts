/** The soft edge that the server gives a mask (worker/canvas/masks.py), as near as an eye can tell. */

/**
 * How much of the repainted picture will be seen at each pixel, 0 to 255: as much as the mask says
 * and outside it less with the distance, twice a Gaussian of deviation `sigma`.
 */
export function weights(mask: Uint8ClampedArray, width: number, height: number, sigma: number): Uint8ClampedArray {
  const seen = new Uint8ClampedArray(mask.length);
  if (sigma < 0.3) {
    seen.set(mask);
    return seen;
  }
  let from = Float32Array.from(mask);
  let to = new Float32Array(mask.length);
  // Three boxes make a Gaussian, but for a hundredth; and cost the same however wide they are.
  for (const radius of boxes(sigma)) {
    blurred(from, to, height, width, width, 1, radius);
    blurred(to, from, width, height, 1, width, radius);
  }
  for (let at = 0; at < seen.length; at++) seen[at] = Math.max(mask[at]!, 2 * from[at]! - mask[at]!);
  return seen;
}

/** Radii of three boxes whose variances add up to about the Gaussian's. */
export function boxes(sigma: number): number[] {
  const count = 3;
  const ideal = Math.sqrt((12 * sigma * sigma) / count + 1);
  const low = Math.floor((ideal - 1) / 2);
  const size = 2 * low + 1;
  const small = Math.round((12 * sigma * sigma - count * size * size - 4 * count * size - 3 * count) / (-4 * size - 4));
  return Array.from({ length: count }, (_, each) => (each < small ? low : low + 1));
}

/** A box of `radius` laid along each line; what lies beyond an end is like the end. */
function blurred(
  from: Float32Array,
  to: Float32Array,
  lines: number,
  length: number,
  line: number,
  next: number,
  radius: number,
): void {
  const share = 1 / (2 * radius + 1);
  for (let each = 0; each < lines; each++) {
    const start = each * line;
    const at = (index: number) => from[start + Math.min(Math.max(index, 0), length - 1) * next]!;
    let sum = 0;
    for (let index = -radius; index <= radius; index++) sum += at(index);
    for (let index = 0; index < length; index++) {
      to[start + index * next] = sum * share;
      sum += at(index + radius + 1) - at(index - radius);
    }
  }
}
