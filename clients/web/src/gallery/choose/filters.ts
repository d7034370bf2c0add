/** Which of the pictures are to be seen. */
import { signal } from "@preact/signals";
import type { Picture } from "../pictures";

export const DATES = { today: 1, week: 7, month: 30 } as const;

export type Dates = keyof typeof DATES;

export const SIZES = ["small", "medium", "large"] as const;

export type PictureSize = (typeof SIZES)[number];

export interface Filters {
  model: string;
  kind: string;
  size: PictureSize | "";
  date: Dates | "";
}

export const NO_FILTERS: Filters = { model: "", kind: "", size: "", date: "" };

export const filters = signal<Filters>(NO_FILTERS);

/** Pixels up to which a picture is small, and medium. */
const [SMALL, MEDIUM] = [300_000, 1_200_000];

const DAY = 24 * 3600 * 1000;

export function filtered(pictures: readonly Picture[], by: Filters, now = Date.now()): readonly Picture[] {
  if (!anyOf(by)) return pictures;
  return pictures.filter((each) => fits(each, by, now));
}

export function anyOf(by: Filters): boolean {
  return Object.values(by).some(Boolean);
}

function fits({ job, output }: Picture, { model, kind, size, date }: Filters, now: number): boolean {
  if (model && job.input.model !== model) return false;
  if (kind && job.kind !== kind) return false;
  if (size && sizeOf(output) !== size) return false;
  return !date || now - new Date(job.created_at).getTime() < since(date, now);
}

export function sizeOf({ width, height }: { width: number; height: number }): PictureSize {
  const pixels = width * height;
  return pixels <= SMALL ? "small" : pixels <= MEDIUM ? "medium" : "large";
}

/** How old a picture may be; "today" begins at midnight. */
function since(date: Dates, now: number): number {
  return date === "today" ? now - new Date(now).setHours(0, 0, 0, 0) : DATES[date] * DAY;
}
