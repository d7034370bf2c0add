import { useSignal } from "@preact/signals";
import { useEffect, useId } from "preact/hooks";
import { deletePreset, presets as all, savePreset } from "../api/collections";
import type { JobRequest, Preset } from "../api/types";
import { copy } from "../browser";
import { picking } from "../state/overlays";
import { isStyle, presetOf, use, written } from "../state/preset";
import { toast } from "../state/toasts";
import { Icon } from "../ui/Icon";
import { sentence } from "../ui/sentence";
import { Sheet } from "../ui/Sheet";
import "./presets.css";
import { t } from "./words";

/** Styles and presets: used by a tap, kept from the form, handed on as a link. */
export function PresetSheet() {
  const presets = useSignal<readonly Preset[]>([]);
  const close = () => (picking.value = null);
  const refresh = async () => {
    presets.value = await all();
  };
  const attempt = (act: () => Promise<unknown>) => act().then(refresh).catch((error: unknown) => toast(sentence(error, false)));
  useEffect(() => void attempt(async () => undefined), []);
  return (
    <Sheet title={t("presets")} close={close}>
      <p class="muted">{t("about")}</p>
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
                <b dir="auto">{name}</b> <span class="muted">{t(isStyle(request) ? "style" : "preset")}</span>
              </button>
              <button type="button" class="plain" aria-label={t("link", name)} title={t("link", name)} onClick={() => void hand(request)}>
                <Icon name="link" />
              </button>
              <button type="button" class="plain" aria-label={t("remove", name)} title={t("remove", name)} onClick={() => void attempt(() => deletePreset(id))}>
                <Icon name="trash" />
              </button>
            </li>
          );
        })}
      </ul>
      <Keep keep={(name, words) => attempt(async () => {
        await savePreset(name, presetOf(words));
        toast(t("saved", name));
      })} />
    </Sheet>
  );
}

async function hand(request: JobRequest): Promise<void> {
  const url = `${location.href.split("#")[0]}#/make/${written(request)}`;
  toast(t((await copy(url)) ? "copied" : "refused"));
}

function Keep({ keep }: { keep(name: string, words: boolean): Promise<unknown> }) {
  const id = useId();
  const name = useSignal("");
  const words = useSignal(true);
  return (
    <form
      class="keep-preset"
      onSubmit={(event) => {
        event.preventDefault();
        const wanted = name.value.trim();
        if (wanted) void keep(wanted, words.value).then(() => (name.value = ""));
      }}
    >
      <h3>{t("save")}</h3>
      {[true, false].map((each) => (
        <label key={String(each)} class="check">
          <input type="radio" name={id} checked={words.value === each} onChange={() => (words.value = each)} />
          {t(each ? "words" : "everything")}
        </label>
      ))}
      <label for={`${id}-name`}>{t("name")}</label>
      <div>
        <input id={`${id}-name`} dir="auto" maxLength={80} autocomplete="off" value={name.value} onInput={(event) => (name.value = event.currentTarget.value)} />
        <button type="submit" class="primary" aria-label={t("save")} disabled={!name.value.trim()}>
          <Icon name="check" />
        </button>
      </div>
    </form>
  );
}
