import { toast } from "../state/page/toasts";
import { sentence } from "../ui/sentence";

/** Says what stood in the way, if something did. */
export function attempt(act: Promise<unknown>): Promise<void> {
  return act.then(
    () => undefined,
    (error: unknown) => toast(sentence(error, false)),
  );
}
