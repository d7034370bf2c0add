/** JPEG files: their pixels as they are, without what a camera notes beside them. */

const [START, END, SCAN] = [0xd8, 0xd9, 0xda] as const;

/** Segments that say how pixels are to be read: JFIF, colour profiles, Adobe's colours. */
const KEPT: ReadonlySet<number> = new Set([0xe0, 0xe2, 0xee]);

const ORIENTATION = 0x0112;

/**
 * The same pixels, still turned as the camera was held, and nothing else: no place, no time, no
 * smaller picture. Null where the file is not built as JPEG is.
 */
export async function withoutNotes(file: Blob): Promise<Blob | null> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  const view = new DataView(bytes.buffer);
  if (bytes.length < 4 || view.getUint16(0) !== 0xff00 + START) return null;
  const parts: Blob[] = [];
  let [turned, at] = [1, 2];
  while (at + 4 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const after = at + 2 + view.getUint16(at + 2);
    if (marker === SCAN) {
      const end = endOf(bytes, after);
      if (!end) return null;
      return new Blob([new Uint8Array([0xff, START]), turning(turned), ...parts, file.slice(at, end)], { type: file.type });
    }
    const said = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (marker === 0xe1 && said === "Exif") turned = orientation(new DataView(bytes.buffer, at + 10, after - at - 10));
    const note = (marker >= 0xe0 && marker <= 0xef && !KEPT.has(marker)) || marker === 0xfe;
    // Where a phone keeps a second picture behind the first, and how far behind.
    const second = marker === 0xe2 && said === "MPF\0";
    if (!note && !second) parts.push(file.slice(at, after));
    at = after;
  }
  return null;
}

/** Where the first picture of a file ends; what a phone keeps behind it is no part of it. */
function endOf(bytes: Uint8Array, from: number): number | null {
  let at = bytes.indexOf(0xff, from);
  while (at >= 0 && at + 1 < bytes.length) {
    const marker = bytes[at + 1]!;
    if (marker === END) return at + 2;
    // Pixels have zeros and restarts behind it; between two scans there are segments.
    const pixels = marker === 0 || marker === 0xff || (marker >= 0xd0 && marker <= 0xd7);
    at = bytes.indexOf(0xff, pixels ? at + 1 : at + 2 + bytes[at + 2]! * 256 + bytes[at + 3]!);
  }
  return null;
}

/** How a picture is to be turned, 1 to 8, as its Exif says. */
function orientation(exif: DataView): number {
  try {
    const little = exif.getUint16(0) === 0x4949;
    const start = exif.getUint32(4, little);
    const count = exif.getUint16(start, little);
    for (let index = 0; index < count; index++) {
      const entry = start + 2 + 12 * index;
      if (exif.getUint16(entry, little) === ORIENTATION) return exif.getUint16(entry + 8, little);
    }
  } catch (error) {
    // It is cut off: as if there was none.
    if (!(error instanceof RangeError)) throw error;
  }
  return 1;
}

/** An Exif that says this alone. */
function turning(turned: number): Uint8Array<ArrayBuffer> {
  if (turned < 2 || turned > 8) return new Uint8Array();
  const header = [0xff, 0xe1, 0, 34, ...[..."Exif\0\0"].map((each) => each.charCodeAt(0))];
  const tiff = [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, ORIENTATION >> 8, ORIENTATION & 255, 0, 3, 0, 0, 0, 1, 0, turned, 0, 0, 0, 0, 0, 0];
  return new Uint8Array([...header, ...tiff]);
}
