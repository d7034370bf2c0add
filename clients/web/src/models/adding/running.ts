/** What the server is adding, and what came of what it added. */
import { computed, signal } from "@preact/signals";
import * as api from "../../api/models/additions";
import { ENDED, type Addition } from "../../api/types";
import { refreshModels } from "../../state/form/models";
import { toast } from "../../state/page/toasts";
import { t } from "./words";

const all = signal<readonly Addition[]>([]);

/** What is under way, and what failed or was canceled and was not added since. */
export const additions = computed(() =>
  all.value.filter((each, at) => {
    if (!ENDED.has(each.status)) return true;
    if (each.status === "succeeded") return false;
    return !all.value.slice(0, at).some((later) => later.source === each.source || later.name === each.name);
  }),
);

/** Not ended when last seen: their end is told once. */
const awaited = new Set<string>();
let begun = 0;

export async function refreshAdditions(): Promise<void> {
  const asked = begun;
  const now = await api.additions();
  // An answer that was asked for before something began may not know of it; the next one does.
  if (asked !== begun) return;
  all.value = now;
  for (const each of now) {
    if (!ENDED.has(each.status)) {
      awaited.add(each.id);
    } else if (awaited.delete(each.id) && each.status === "succeeded") {
      toast(t("added", each.name));
      void refreshModels().catch(() => undefined);
    }
  }
}

/** Shows at once what was just asked for. */
export function began(addition: Addition): void {
  begun += 1;
  awaited.add(addition.id);
  all.value = [addition, ...all.peek().filter((each) => each.id !== addition.id)];
}
