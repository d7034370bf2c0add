/** What the server says with a code, in other languages than its own: a file each, loaded when one is chosen. */
import { effect, signal } from "@preact/signals";
import { bytes, dimensions, language, number } from ".";
import { isolated } from "./direction";
import { chosen, type Template } from "./template";

export type Values = Readonly<Record<string, string | number>>;

interface SentenceFile {
  /** Texts that stay the same, by themselves: values such as colours, descriptions of what ships. */
  words: Readonly<Record<string, string>>;
  /** By their codes; what is in English there is better said with sizes than with numbers of bytes. */
  sentences: Readonly<Record<string, Template>>;
}

const files = import.meta.glob<SentenceFile>("./sentences/*.json", { import: "default" });

const file = signal<SentenceFile | null>(null);

effect(() => {
  const code = language.value;
  file.value = null;
  files[`./sentences/${code}.json`]?.().then(
    (loaded) => {
      if (language.peek() === code) file.value = loaded;
    },
    // What the server says is in English then.
    () => {},
  );
});

/** The sentence of a code; null where the language has none, or where its values did not come. */
export function told(code: string, values: Values): string | null {
  const template = file.value?.sentences[code];
  if (template === undefined) return null;
  const text = typeof template === "string" ? template : chosen(template, Object.values(values), language.value);
  return withValues(text, values);
}

/** `{name}`, `{name:how}`, or `{name?text with it|text without it}`. */
const PLACE = /\{(\w+)(?::(\w+)|\?((?:[^{}|]|\{[^{}]*\})*)\|((?:[^{}]|\{[^{}]*\})*))?\}/g;

function withValues(text: string, values: Values): string | null {
  let whole = true;
  const filled = text.replace(PLACE, (_, name: string, how?: string, yes?: string, no?: string) => {
    const value = values[name];
    if (yes !== undefined) return withValues((value ? yes : no)!, values) ?? "";
    if (value === undefined) whole = false;
    return value === undefined ? "" : shown(value, how);
  });
  return whole ? filled : null;
}

function shown(value: string | number, how: string | undefined): string {
  if (how === "size") return bytes(Number(value));
  if (how === "gb") return bytes(Number(value) * 1e9);
  if (how === "px") return String(value).replace(/(\d+)x(\d+)/g, (_, width: string, height: string) => dimensions(width, height));
  if (how === "n") return number(Number(value));
  if (typeof value === "number") return String(value);
  return isolated(how === "word" ? word(value) : value, language.value);
}

/** A text that the language has a word for, or the text. */
export function word(text: string): string {
  return file.value?.words[text] ?? text;
}
