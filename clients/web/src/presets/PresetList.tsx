import { useSignal, type Signal } from "@preact/signals";
import { deletePreset, presetLink } from "../api/collections/collections";
import type { JobRequest, Preset, PresetLink } from "../api/types";
import { Linked } from "../links/Linked";
import { use } from "../state/form/preset";
import { toast } from "../state/page/toasts";
import { Icon } from "../ui/Icon";
import { attempt } from "./attempt";
import { t } from "./words";

/** The user's own presets: used by a tap, handed on as a link. */
export function PresetList({ presets, close }: { presets: Signal<readonly Preset[]>; close(): void }) {
  const forget = async (id: string) => {
    await deletePreset(id);
    presets.value = presets.peek().filter((each) => each.id !== id);
  };
  /** The preset whose link is to be seen. */
  const linked = useSignal<(PresetLink & { id: string }) | null>(null);
  const look = async (id: string) => {
    linked.value = linked.peek()?.id === id ? null : { id, ...(await presetLink(id)) };
  };
  return (
    <section class="own-presets" aria-label={t("ownPresets")}>
      <h3>{t("ownPresets")}</h3>
      <p class="muted">{t(presets.value.length ? "aboutPresets" : "noPresets")}</p>
      <ul class="preset-list">
        {presets.value.map((each) => {
          const { id, name } = each;
          const request = each.request as JobRequest;
          return (
            <li key={id}>
              <button
                type="button"
                class="use-it"
                onClick={() => {
                  use(request);
                  close();
                  toast(t("used", name));
                }}
              >
                <b dir="auto">{name}</b>
              </button>
              <button type="button" class="plain" aria-label={t("link", name)} title={t("link", name)} aria-expanded={linked.value?.id === id} onClick={() => void attempt(look(id))}>
                <Icon name="link" />
              </button>
              <button type="button" class="plain" aria-label={t("remove", name)} title={t("remove", name)} onClick={() => void attempt(forget(id))}>
                <Icon name="trash" />
              </button>
              {linked.value?.id === id && <Linked {...linked.value} />}
            </li>
          );
        })}
      </ul>
    </section>
  );
}
