import type { Signal } from "@preact/signals";
import { deletePreset } from "../api/collections/collections";
import type { JobRequest, Preset } from "../api/types";
import { copy } from "../browser";
import { use, written } from "../state/form/preset";
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
              <button type="button" class="plain" aria-label={t("link", name)} title={t("link", name)} onClick={() => void hand(request)}>
                <Icon name="link" />
              </button>
              <button type="button" class="plain" aria-label={t("remove", name)} title={t("remove", name)} onClick={() => void attempt(forget(id))}>
                <Icon name="trash" />
              </button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

async function hand(request: JobRequest): Promise<void> {
  const url = `${location.href.split("#")[0]}#/make/${written(request)}`;
  toast(t((await copy(url)) ? "copied" : "refused"));
}
