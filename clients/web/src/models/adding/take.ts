/** Files of models that were chosen or dropped. */
import { toast } from "../../state/toasts";
import { t } from "./words";
import { send } from "./upload";

/** Kinds of files that can run programs, which the server refuses unopened. */
const PICKLED = /\.(ckpt|bin|pth?|pkl)$/i;

/** Begins to send those that are models; false where none is. */
export function takeFiles(files: readonly File[]): boolean {
  const others = files.filter((each) => !each.type.startsWith("image/"));
  const refused = others.find((each) => PICKLED.test(each.name));
  if (refused) toast(t("noPickle", refused.name));
  const taken = others.filter((each) => !PICKLED.test(each.name));
  send(taken);
  return others.length > 0;
}
