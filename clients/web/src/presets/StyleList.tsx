import { useSignal, type Signal } from "@preact/signals";
import { deleteStyle } from "../api/collections/styles";
import type { Style } from "../api/types";
import { me } from "../state/live/connection";
import { change, draft } from "../state/form/draft";
import { Icon } from "../ui/Icon";
import { found, Search } from "../ui/Search";
import { attempt } from "./attempt";
import { t } from "./words";

/** The styles of the server: a tap takes one for the next pictures, another leaves it. */
export function StyleList({ styles }: { styles: Signal<readonly Style[]> }) {
  const asked = useSignal("");
  const chosen = draft.value.styles;
  const turn = (name: string) =>
    change({ styles: chosen.includes(name) ? chosen.filter((each) => each !== name) : [...chosen, name] });
  const forget = async (name: string) => {
    await deleteStyle(name);
    change({ styles: draft.peek().styles.filter((each) => each !== name) });
    styles.value = styles.peek().filter((each) => each.name !== name);
  };
  return (
    <section aria-label={t("styles")}>
      <h3>{t("styles")}</h3>
      <p class="muted">{t(styles.value.length ? "aboutStyles" : "noStyles")}</p>
      <Search among={styles.value.length} asked={asked} />
      <ul class="preset-list">
        {styles.value
          .filter(({ name, prompt, negative_prompt }) => found(asked.value, name, prompt ?? "", negative_prompt ?? ""))
          .map(({ name, prompt, negative_prompt }) => (
            <li key={name}>
              <button type="button" class="use-it" aria-pressed={chosen.includes(name)} onClick={() => turn(name)}>
                <span>
                  <b dir="auto">{name}</b>
                  <small dir="auto">{prompt || (negative_prompt && t("without", negative_prompt))}</small>
                </span>
                {chosen.includes(name) && <Icon name="check" />}
              </button>
              {me.value?.role === "admin" && (
                <button type="button" class="plain" aria-label={t("remove", name)} title={t("remove", name)} onClick={() => void attempt(forget(name))}>
                  <Icon name="trash" />
                </button>
              )}
            </li>
          ))}
      </ul>
    </section>
  );
}
