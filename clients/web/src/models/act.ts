import { useSignal } from "@preact/signals";
import { refreshModels } from "../state/form/models";
import { toast } from "../state/page/toasts";
import { sentence } from "../ui/sentence";

/** Runs one thing at a time, says what went wrong, and looks at once at what came of it. */
export function useAct(): { busy: boolean; act(run: () => Promise<void>, done?: string): Promise<void> } {
  const busy = useSignal(false);
  return {
    busy: busy.value,
    act: async (run, done) => {
      busy.value = true;
      try {
        await run();
        if (done) toast(done);
        await refreshModels().catch(() => undefined);
      } catch (error) {
        toast(sentence(error, false));
      } finally {
        busy.value = false;
      }
    },
  };
}
