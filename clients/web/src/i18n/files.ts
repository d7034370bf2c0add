/** The languages that come in files of their own, a file each, loaded when one is chosen. */
import type { Template } from "./template";

export interface LanguageFile {
  /** Whether a machine made it and nobody has read it over yet. */
  machine: boolean;
  /** By the room that says them, and by their names there. */
  messages: Readonly<Record<string, Readonly<Record<string, Template>>>>;
}

const files = import.meta.glob<LanguageFile>("./languages/*.json", { import: "default" });

/** The codes of the files, such as `es` or `zh-Hans`. */
export const IN_FILES: readonly string[] = Object.keys(files).map((path) => /([^/]+)\.json$/.exec(path)![1]!);

export function load(code: string): Promise<LanguageFile> {
  return files[`./languages/${code}.json`]!();
}

/** What the language calls itself. */
export function nameOf(code: string): string {
  const name = new Intl.DisplayNames([code], { type: "language" }).of(code) ?? code;
  return name.charAt(0).toLocaleUpperCase(code) + name.slice(1);
}

/** Which of the languages that are there is the one of a browser's tag, such as `zh-CN`; null for none. */
export function matching(tag: string, there: readonly string[]): string | null {
  let locale: Intl.Locale;
  try {
    locale = new Intl.Locale(tag).maximize();
  } catch {
    return null;
  }
  const wanted = [tag, `${locale.language}-${locale.script}`, locale.language];
  const found = wanted.find((each) => there.includes(each));
  // A language is not the one of another script: who reads Traditional Chinese is not shown Simplified.
  return found && new Intl.Locale(found).maximize().script === locale.script ? found : null;
}
