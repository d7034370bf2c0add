/** Messages as a translator writes them: text with places for values, by number where it matters. */
import { isolated } from "./direction";
import { localeOf } from "./locale";

/** Text in which `{0}` is the first value, `{0:n}` the same as the language writes numbers. */
type Text = string;

/** A text for each plural of the language (Intl.PluralRules), by the first number among the values. */
export type Template = Text | Readonly<Record<string, Text>>;

/** The message with its values. */
export function filled(template: Template, values: readonly unknown[], language: string): string {
  const text = typeof template === "string" ? template : chosen(template, values, language);
  return text.replace(/\{(\d)(:n)?\}/g, (_, place: string, number?: string) => {
    const value = values[Number(place)];
    if (number && typeof value === "number") return value.toLocaleString(localeOf(language));
    return typeof value === "string" ? isolated(value, language) : String(value ?? "");
  });
}

/** The text of the plural that belongs to the first number among the values. */
export function chosen(plurals: Readonly<Record<string, Text>>, values: readonly unknown[], language: string): Text {
  const count = values.find((each) => typeof each === "number") as number | undefined;
  const category = new Intl.PluralRules(language).select(count ?? 0);
  return plurals[category] ?? plurals.other ?? "";
}
