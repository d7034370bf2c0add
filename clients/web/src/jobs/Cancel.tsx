import { useSignal } from "@preact/signals";
import { cancel } from "../api/jobs";
import { merge } from "../state/live/jobs";
import { toast } from "../state/page/toasts";
import { Icon } from "../ui/Icon";
import { sentence } from "../ui/sentence";
import { t } from "./words";

/** Stops a job; a second tap asks for nothing more. */
export function Cancel({ id }: { id: string }) {
  const asked = useSignal(false);
  const stop = async () => {
    asked.value = true;
    try {
      merge([await cancel(id)]);
    } catch (error) {
      asked.value = false;
      toast(sentence(error));
    }
  };
  return (
    <button type="button" class="cancel" aria-label={t("cancel")} title={t("cancel")} disabled={asked.value} onClick={() => void stop()}>
      <Icon name="close" />
    </button>
  );
}
