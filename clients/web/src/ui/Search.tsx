import type { Signal } from "@preact/signals";
import { words } from "../i18n";

const t = words("ui/Search", { en: { search: "Search" }, vi: { search: "Tìm" } });

/** As many are seen at a glance, and need no search. */
const FEW = 6;

/** Whether a list is long enough to be searched. */
export function many(among: number): boolean {
  return among > FEW;
}

/** A field to search a list by, where it is long. */
export function Search({ among, asked }: { among: number; asked: Signal<string> }) {
  if (!many(among)) return null;
  return (
    <input
      type="search"
      dir="auto"
      aria-label={t("search")}
      placeholder={t("search")}
      value={asked.value}
      onInput={(event) => (asked.value = event.currentTarget.value)}
    />
  );
}

/** Whether each word that was asked for is in one of the texts. */
export function found(asked: string, ...texts: readonly string[]): boolean {
  const text = texts.join("\n").toLowerCase();
  return asked.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}
