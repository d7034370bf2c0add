/** What of a model or an add-on can be changed, as the server names it. */
import type { Named } from "../../api/models/models";
import type { FileKind, Model } from "../../api/types";
import type { Fitting } from "../shelf";

/** A model's or an add-on's name and kind. */
export function namedOf(of: Model | Fitting): Named {
  if (!("models" in of)) return { kind: "model", name: of.name };
  // `loras` are lists of what is a `lora`.
  return { kind: of.kind.slice(0, -1) as FileKind, name: of.name };
}
