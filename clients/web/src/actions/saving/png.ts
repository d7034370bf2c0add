/** What a PNG carries beside its pixels, and what its file is called. */

const SIGNATURE = "\x89PNG\r\n\x1a\n";

/** The recipe as AUTOMATIC1111 writes it (text chunk `parameters`); null where there is none. */
export function infotextOf(png: Uint8Array): string | null {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  if (latin1(png.subarray(0, 8)) !== SIGNATURE) return null;
  for (let at = 8; at + 12 <= png.length; ) {
    const length = view.getUint32(at);
    const type = latin1(png.subarray(at + 4, at + 8));
    const data = png.subarray(at + 8, at + 8 + length);
    const text = type === "iTXt" ? international(data) : type === "tEXt" ? plain(data) : null;
    if (text?.[0] === "parameters") return text[1];
    at += 12 + length;
  }
  return null;
}

/** A name that says what is in the picture, and that every file system takes. */
export function fileName(prompt: string, seed: number): string {
  const words = prompt
    .replace(/<[^>]*>/g, " ")
    .normalize("NFC")
    .toLowerCase()
    .match(/[\p{L}\p{M}\p{N}]+/gu);
  const name: string[] = [];
  for (const word of words ?? []) {
    if ([...name, word].join("-").length > 60) break;
    name.push(word);
  }
  return `${[...(name.length ? name : ["darkroom"]), seed].join("-")}.png`;
}

function plain(data: Uint8Array): [string, string] {
  const end = data.indexOf(0);
  return [latin1(data.subarray(0, end)), latin1(data.subarray(end + 1))];
}

/** keyword, 0, compressed or not, method, language, 0, translated keyword, 0, text in UTF-8. */
function international(data: Uint8Array): [string, string] | null {
  const keyword = data.indexOf(0);
  if (data[keyword + 1] !== 0) return null;
  const language = data.indexOf(0, keyword + 3);
  const translated = data.indexOf(0, language + 1);
  return [
    latin1(data.subarray(0, keyword)),
    new TextDecoder().decode(data.subarray(translated + 1)),
  ];
}

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}
