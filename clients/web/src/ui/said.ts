/** What the server says, in the user's language where the page has the sentence. */
import type { Wording } from "../api/types";
import { told } from "../i18n/sentences";

/** The server's text, or what the page says in its place. */
export function said(text: string, wording: Wording | null | undefined): string {
  return (wording && told(wording.code, wording.values)) ?? text;
}
