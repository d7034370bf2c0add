/** Where each picture stands: rows that fill the width, each picture in its own shape. */

export interface Row {
  readonly y: number;
  readonly height: number;
  /** The first picture of the row, and the one after its last. */
  readonly from: number;
  readonly to: number;
}

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export const GAP = 6;

/** Shapes beyond these are cut off, or one panorama would make a row of its own. */
const [NARROWEST, WIDEST] = [0.5, 2.5];

export function shape(width: number, height: number): number {
  return Math.min(WIDEST, Math.max(NARROWEST, width / height));
}

/** How high rows are about to be: three pictures beside each other on a phone, ten on a wall. */
export function rowHeight(width: number): number {
  return Math.round(Math.min(240, Math.max(100, 80 + width * 0.08)));
}

/** Rows for pictures of these shapes. More at the end change none but the last row. */
export function rowsOf(shapes: readonly number[], width: number, target = rowHeight(width)): Row[] {
  const rows: Row[] = [];
  let [y, from, sum] = [0, 0, 0];
  for (let index = 0; index < shapes.length; index++) {
    sum += shapes[index]!;
    const gaps = (index - from) * GAP;
    const last = index === shapes.length - 1;
    if (sum * target + gaps < width && !last) continue;
    // The last need not fill the width; pictures in it are no larger than those above.
    const most = last ? (rows.at(-1)?.height ?? target) : Infinity;
    const height = Math.min((width - gaps) / sum, most);
    rows.push({ y, height, from, to: index + 1 });
    y += height + GAP;
    [from, sum] = [index + 1, 0];
  }
  return rows;
}

export function heightOf(rows: readonly Row[]): number {
  const last = rows.at(-1);
  return last ? last.y + last.height : 0;
}

export function boxesOf(row: Row, shapes: readonly number[]): Box[] {
  let x = 0;
  return shapes.slice(row.from, row.to).map((each) => {
    const box = { x, y: row.y, width: each * row.height, height: row.height };
    x += box.width + GAP;
    return box;
  });
}

/** The rows that have something between `top` and `bottom`: the first, and the one after the last. */
export function rowsIn(rows: readonly Row[], top: number, bottom: number): [number, number] {
  const from = firstWhere(rows, (row) => row.y + row.height > top);
  return [from, Math.max(from, firstWhere(rows, (row) => row.y >= bottom))];
}

export function rowOf(rows: readonly Row[], index: number): number {
  return Math.min(rows.length - 1, firstWhere(rows, (row) => row.to > index));
}

/** A key as it is meant where words run from left to right. */
export function asRead(key: string, among: Element): string {
  if (getComputedStyle(among).direction !== "rtl") return key;
  return { ArrowLeft: "ArrowRight", ArrowRight: "ArrowLeft" }[key] ?? key;
}

/** The picture that a key leads to; the same one where there is none. */
export function moved(
  rows: readonly Row[],
  shapes: readonly number[],
  index: number,
  key: string,
): number {
  const last = shapes.length - 1;
  if (key === "ArrowLeft") return Math.max(0, index - 1);
  if (key === "ArrowRight") return Math.min(last, index + 1);
  if (key === "Home") return 0;
  if (key === "End") return last;
  const here = rows[rowOf(rows, index)]!;
  const there = rows[rowOf(rows, index) + (key === "ArrowUp" ? -1 : 1)];
  if (!there) return index;
  const middle = centre(boxesOf(here, shapes)[index - here.from]!);
  const distances = boxesOf(there, shapes).map((box) => Math.abs(centre(box) - middle));
  return there.from + distances.indexOf(Math.min(...distances));
}

function centre(box: Box): number {
  return box.x + box.width / 2;
}

function firstWhere(rows: readonly Row[], fits: (row: Row) => boolean): number {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (fits(rows[middle]!)) high = middle;
    else low = middle + 1;
  }
  return low;
}
