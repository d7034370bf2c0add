/** Words in the user's language. Each part of the page brings its own in English and Vietnamese; others come in files. */
import { computed, effect, signal } from "@preact/signals";
import { directionOf, isolated } from "./direction";
import { IN_FILES, load, matching, nameOf, type LanguageFile } from "./files";
import { localeOf } from "./locale";
import { filled } from "./template";

/** What languages are called, by their codes. */
export const LANGUAGES: Readonly<Record<string, string>> = {
  en: "English",
  vi: "Tiếng Việt",
  ...Object.fromEntries(IN_FILES.map((code) => [code, nameOf(code)])),
};

type Message = string | ((...values: any[]) => string);
type Messages = Record<string, Message>;
type Same<M extends Messages> = {
  [K in keyof M]: M[K] extends (...values: infer V) => string ? (...values: V) => string : string;
};

const KEPT = "darkroom.language";

function preferred(): string {
  const kept = localStorage.getItem(KEPT);
  const there = Object.keys(LANGUAGES);
  const wanted = [...(kept ? [kept] : []), ...navigator.languages];
  return wanted.map((each) => matching(each, there)).find((each) => each !== null) ?? "en";
}

/** The language that is spoken; one of a file only once the file is there. */
export const language = signal(IN_FILES.includes(preferred()) ? "en" : preferred());

/** The file of the language, where it has one. */
export const file = signal<LanguageFile | null>(null);

effect(() => {
  document.documentElement.lang = language.value;
  document.documentElement.dir = directionOf(language.value);
});

/** Resolves once the page can speak as the user wants it to. */
export async function ready(): Promise<void> {
  await change(preferred());
}

/** Changes the language, and remembers it. Rejects where its file does not come. */
export async function speak(chosen: string): Promise<void> {
  await change(chosen);
  localStorage.setItem(KEPT, chosen);
}

async function change(code: string): Promise<void> {
  file.value = IN_FILES.includes(code) ? await load(code) : null;
  language.value = code;
}

/**
 * Looks up words: `t("title")`, or `t("pictures", 3)` where the message is a function. `room` is what
 * the files of languages call them by; what a file leaves out is in English.
 *
 * A component that calls it is drawn again when the language changes.
 */
export function words<M extends Messages>(room: string, all: { en: M; vi: Same<M> }) {
  return <K extends keyof M & string>(
    key: K,
    ...values: M[K] extends (...values: infer V) => string ? V : []
  ): string => {
    const spoken = language.value;
    const template = file.value?.messages[room]?.[key];
    if (template !== undefined) return filled(template, values, spoken);
    const message = ((spoken === "vi" ? all.vi : all.en) as M)[key]!;
    return typeof message === "function" ? message(...values) : message;
  };
}

/** What numbers and dates are written by. */
export const locale = computed(() => localeOf(language.value));

/** A number as the language writes it. */
export function number(value: number, digits = 0): string {
  return value.toLocaleString(locale.value, { maximumFractionDigits: digits });
}

/** A moment as a date and a time of day. */
export function dateTime(at: string, style?: Intl.DateTimeFormatOptions): string {
  return one(new Date(at).toLocaleString(locale.value, style));
}

/** Texts one after another, with the language's comma between them. */
export function listed(texts: readonly string[]): string {
  return texts.map(one).join(comma());
}

/** A text that stands among others of the language, whichever way it is written. */
export function one(text: string): string {
  return isolated(text, language.value);
}

/** The language's comma, with its space. */
export function comma(): string {
  return COMMAS[language.value] ?? ", ";
}

/** What stands between where it is no comma and space. */
const COMMAS: Readonly<Record<string, string>> = { ar: "، " };

/** A width and a height, on one line and in this order also among words that are read from right to left. */
export function dimensions(width: number | string, height: number | string): string {
  return `\u2066${width}\u00a0×\u00a0${height}\u2069`;
}

/** So many bytes, such as `2.1 GB`. */
export function bytes(count: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, count)) / 3));
  const value = count / 1000 ** power;
  const text = value.toLocaleString(locale.value, {
    style: "unit",
    unit: units[power] as string,
    // "byte" has no short form of its own.
    unitDisplay: power ? "short" : "long",
    maximumFractionDigits: power > 1 && value < 100 ? 1 : 0,
  });
  // A line does not break between the two.
  return one(text.replace(" ", "\u00a0"));
}

/** A length of time in words, such as `8 s`, `3 min` or `8 hr 52 min`. */
export function duration(seconds: number): string {
  const said = (value: number, unit: string) => value.toLocaleString(locale.value, { style: "unit", unit, unitDisplay: "short" });
  if (seconds < 90) return one(said(Math.max(1, Math.round(seconds)), "second"));
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return one(said(minutes, "minute"));
  const rest = minutes % 60;
  return one([said(Math.floor(minutes / 60), "hour"), ...(rest ? [said(rest, "minute")] : [])].join(" "));
}

/** A moment as seen from now, such as `5 minutes ago`. */
export function ago(moment: string, now = Date.now()): string {
  const seconds = (new Date(moment).getTime() - now) / 1000;
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [
    ["second", 60],
    ["minute", 3600],
    ["hour", 86_400],
    ["day", Infinity],
  ];
  let size = 1;
  for (const [unit, until] of steps) {
    if (Math.abs(seconds) < until) {
      const form = new Intl.RelativeTimeFormat(locale.value, { numeric: "auto" });
      return form.format(Math.round(seconds / size), unit);
    }
    size = until;
  }
  return moment;
}
