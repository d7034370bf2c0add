/** Files of models that were chosen or dropped. */
import { toast } from "../../state/page/toasts";
import { t } from "./words";
import { send } from "./upload";

/** The kind of file that the server takes; others that hold models can run programs. */
const TAKEN = /\.safetensors$/i;

/** Begins to send those that are models; false where none is. */
export function takeFiles(files: readonly File[]): boolean {
  const others = files.filter((each) => !each.type.startsWith("image/"));
  const refused = others.find((each) => !TAKEN.test(each.name));
  if (refused) toast(t("notTaken", refused.name));
  send(others.filter((each) => TAKEN.test(each.name)));
  return others.length > 0;
}
