/** From what is typed for the axes of a grid to the axes themselves. */
import type { Axis } from "../api/types";
import { language } from "../i18n";

/** What an axis can go through; `loras/0/weight` and the like besides. */
export const FIELDS = ["words", "steps", "guidance_scale", "sampler", "schedule", "seed", "model", "strength", "clip_skip"] as const;

export type Field = (typeof FIELDS)[number] | `loras/${number}/weight`;

/** One axis as the user has it: a field, and its values as text or as choices. */
export interface Row {
  field: Field | "";
  /** Of `words`: those that each value takes the place of. */
  replace: string;
  /** Numbers in a line, or words a line each. */
  text: string;
  /** Names that are chosen. */
  names: readonly string[];
}

export const EMPTY_ROW: Row = { field: "", replace: "", text: "", names: [] };

const WHOLE: ReadonlySet<string> = new Set(["steps", "seed", "clip_skip"]);
const NAMES: ReadonlySet<string> = new Set(["sampler", "schedule", "model"]);

export function takesNames(field: Row["field"]): boolean {
  return NAMES.has(field);
}

/** The values of a row; null where one of them is no number. */
export function valuesOf(row: Row): (string | number)[] | null {
  if (takesNames(row.field)) return [...row.names];
  if (row.field === "words") return row.text.split("\n").map((each) => each.trim()).filter(Boolean);
  const numbers = split(row.text, WHOLE.has(row.field)).map(Number);
  return numbers.some((each) => !Number.isFinite(each)) ? null : numbers;
}

/**
 * Numbers as people write them: with spaces, commas or semicolons between, and commas in them where
 * theirs have; an Arabic keyboard has digits and signs of its own.
 */
function split(text: string, whole: boolean): string[] {
  const comma = !whole && (1.5).toLocaleString(language.peek()).includes(",");
  const between = comma ? /[\s;؛،]+/ : /[\s;,؛،]+/;
  return latin(text).split(between).map((each) => each.replace(/,$/, "").replace(",", ".")).filter(Boolean);
}

/** With the digits 0 to 9 in place of those of Arabic and Persian. */
function latin(text: string): string {
  return text.replace(/[٠-٩۰-۹]/g, (digit) => String(digit.charCodeAt(0) & 15)).replace(/٫/g, ".");
}

/** How many pictures the rows make; 0 where one has no values. */
export function count(rows: readonly Row[]): number {
  const used = rows.filter((each) => each.field);
  return used.length ? used.reduce((all, each) => all * (valuesOf(each)?.length ?? 0), 1) : 0;
}

/** The axis of a row, with what it and its values are called. */
export function axisOf(row: Row, title: string, named: (name: string) => string): Axis {
  const values = valuesOf(row) ?? [];
  const labels = takesNames(row.field) ? { labels: values.map((each) => named(String(each))) } : {};
  if (row.field !== "words") return { field: `/${row.field}`, values, title, ...labels };
  return { field: "/prompt", values, title: row.replace || title, ...(row.replace ? { replace: row.replace } : {}) };
}
