/** Which way a language is written, and text of the other way in it. */

const RIGHT_TO_LEFT: ReadonlySet<string> = new Set(["Arab", "Hebr", "Thaa", "Syrc", "Nkoo", "Adlm", "Rohg"]);

export function directionOf(code: string): "ltr" | "rtl" {
  return RIGHT_TO_LEFT.has(new Intl.Locale(code).maximize().script ?? "") ? "rtl" : "ltr";
}

/**
 * A text that may be of the other way, such as a model's name or a prompt, to stand among words of
 * the language: without the two signs round it, its full stop or bracket jumps to its other end.
 */
export function isolated(text: string, code: string): string {
  return text && directionOf(code) === "rtl" ? `\u2068${text}\u2069` : text;
}

/** The text without those signs, where it leaves the page: as a device's name, or a grid's title. */
export function plain(text: string): string {
  return text.replace(/[\u2066-\u2069]/g, "");
}
