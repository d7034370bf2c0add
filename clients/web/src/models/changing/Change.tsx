import { useSignal } from "@preact/signals";
import * as api from "../../api/models/models";
import type { Model } from "../../api/types";
import { bytes } from "../../i18n";
import { refreshModels } from "../../state/form/models";
import { toast } from "../../state/page/toasts";
import { Sure } from "../../ui/sheets/Sure";
import { useAct } from "../act";
import { titleOf, type Fitting } from "../shelf";
import { t } from "../words";
import { Edit } from "./Edit";
import { namedOf } from "./named";
import { PickPicture } from "./PickPicture";

/** What an admin changes of a model or an add-on: its words and defaults, its picture, whether it is. */
export function Change({ of, close }: { of: Model | Fitting; close(): void }) {
  const editing = useSignal(false);
  const picking = useSignal(false);
  const { busy, act } = useAct();
  const named = namedOf(of);
  const title = titleOf(of);
  const standard = "models" in of || of.default;
  return (
    <div class="ways">
      <button type="button" aria-haspopup="dialog" onClick={() => (editing.value = true)}>
        {t("editThis")}
      </button>
      <button type="button" aria-haspopup="dialog" onClick={() => (picking.value = true)}>
        {t("picture")}
      </button>
      {of.preview_url && (
        <button type="button" disabled={busy} onClick={() => void act(() => api.dropPreview(named))}>
          {t("noPicture")}
        </button>
      )}
      {!standard && (
        <button
          type="button"
          disabled={busy}
          onClick={() => void act(() => api.change(named, { default: true }), t("isStandard", title))}
        >
          {t("makeStandard")}
        </button>
      )}
      {!("default" in of && of.default) && (
        <Sure
          label={t("delete")}
          name={t("deleteName", title)}
          question={of.bytes ? t("surely", title, bytes(of.bytes)) : t("surelyAll", title)}
          act={async () => {
            const freed = await api.remove(named);
            toast(t("deleted", title, bytes(freed)));
            close();
            await refreshModels().catch(() => undefined);
          }}
        />
      )}
      {editing.value && <Edit of={of} close={() => (editing.value = false)} />}
      {picking.value && <PickPicture of={of} close={() => (picking.value = false)} />}
    </div>
  );
}
