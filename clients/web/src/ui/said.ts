/** What the server says, in the user's language where the page knows the sentence. */
import type { Wording } from "../api/types";
import { language } from "../i18n";

export type Values = Readonly<Record<string, string | number>>;

/** A room's own words for sentences of the server, by their code. */
export type Sentences = Readonly<Record<string, (values: any) => string>>;

const known: Record<string, Record<string, (values: any) => string>> = {};

/** Has the page know more of the server's sentences; a room brings those that it may be told. */
export function learn(sentences: Readonly<Record<string, Sentences>>): void {
  for (const [code, each] of Object.entries(sentences)) known[code] = { ...known[code], ...each };
}

/** The server's text, or what the page says in its place. */
export function said(text: string, wording: Wording | null | undefined): string {
  const own = wording ? known[language.value]?.[wording.code] : undefined;
  return own ? own(wording!.values) : text;
}
