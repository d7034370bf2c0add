/** What the server says, in the user's language where the page knows the sentence. */
import type { Wording } from "../api/types";
import { language, type Language } from "../i18n";

export type Values = Readonly<Record<string, string | number>>;

/** A room's own words for sentences of the server, by their code. */
export type Sentences = Readonly<Record<string, (values: any) => string>>;

const known: Record<Language, Record<string, (values: any) => string>> = { en: {}, vi: {} };

/** Has the page know more of the server's sentences; a room brings those that it may be told. */
export function learn(sentences: Readonly<Record<Language, Sentences>>): void {
  Object.assign(known.en, sentences.en);
  Object.assign(known.vi, sentences.vi);
}

/** The server's text, or what the page says in its place. */
export function said(text: string, wording: Wording | null | undefined): string {
  const own = wording ? known[language.value][wording.code] : undefined;
  return own ? own(wording!.values) : text;
}
