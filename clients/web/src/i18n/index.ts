/** Words in the user's language. Each part of the page brings its own, with the same keys in all. */
import { effect, signal } from "@preact/signals";

export const LANGUAGES = { en: "English", vi: "Tiếng Việt" } as const;
export type Language = keyof typeof LANGUAGES;

type Message = string | ((...values: any[]) => string);
type Messages = Record<string, Message>;
type Same<M extends Messages> = {
  [K in keyof M]: M[K] extends (...values: infer V) => string ? (...values: V) => string : string;
};

const KEPT = "darkroom.language";

function preferred(): Language {
  const wanted = [localStorage.getItem(KEPT), ...navigator.languages.map((each) => each.slice(0, 2))];
  return (wanted.find((each) => each !== null && each in LANGUAGES) as Language | undefined) ?? "en";
}

export const language = signal<Language>(preferred());

effect(() => {
  document.documentElement.lang = language.value;
});

/** Changes the language, and remembers it. */
export function speak(chosen: Language): void {
  language.value = chosen;
  localStorage.setItem(KEPT, chosen);
}

/**
 * Looks up words: `t("title")`, or `t("pictures", 3)` where the message is a function.
 *
 * A component that calls it is drawn again when the language changes.
 */
export function words<M extends Messages>(all: { en: M; vi: Same<M> }) {
  return <K extends keyof M>(
    key: K,
    ...values: M[K] extends (...values: infer V) => string ? V : []
  ): string => {
    const message = (all[language.value] as M)[key]!;
    return typeof message === "function" ? message(...values) : message;
  };
}

/** A number as the language writes it. */
export function number(value: number, digits = 0): string {
  return value.toLocaleString(language.value, { maximumFractionDigits: digits });
}

/** So many bytes, such as `2.1 GB`. */
export function bytes(count: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, count)) / 3));
  const value = count / 1000 ** power;
  const text = value.toLocaleString(language.value, {
    style: "unit",
    unit: units[power] as string,
    // "byte" has no short form of its own.
    unitDisplay: power ? "short" : "long",
    maximumFractionDigits: power > 1 && value < 100 ? 1 : 0,
  });
  // A line does not break between the two.
  return text.replace(" ", "\u00a0");
}

/** A length of time in words, such as `8 s` or `3 min`. */
export function duration(seconds: number): string {
  const [value, unit] = seconds < 90 ? [Math.max(1, Math.round(seconds)), "second"] : [Math.round(seconds / 60), "minute"];
  return value.toLocaleString(language.value, { style: "unit", unit: unit as string, unitDisplay: "short" });
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
      const form = new Intl.RelativeTimeFormat(language.value, { numeric: "auto" });
      return form.format(Math.round(seconds / size), unit);
    }
    size = until;
  }
  return moment;
}
