/** What models and what is added to them are said to be good at, where the words came with the server. */
import { word } from "../../i18n/sentences";

/** A description in the user's language, as far as it is known in that: an owner who wrote another has that one everywhere. */
export function described({ description }: { description: string }): string {
  return word(description);
}
