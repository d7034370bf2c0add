import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { Icon } from "../ui/Icon";
import { t } from "./words";

/** What the form says is kept under a name: its words for everybody, or all of it for the user. */
export function Keep({ keep }: { keep(name: string, words: boolean): Promise<boolean> }) {
  const id = useId();
  const name = useSignal("");
  const words = useSignal(true);
  const busy = useSignal(false);
  return (
    <form
      class="keep-preset"
      onSubmit={(event) => {
        event.preventDefault();
        const wanted = name.value.trim();
        if (!wanted || busy.value) return;
        busy.value = true;
        void keep(wanted, words.value).then((kept) => {
          busy.value = false;
          if (kept) name.value = "";
        });
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
        <button type="submit" class="primary" aria-label={t("save")} disabled={busy.value || !name.value.trim()}>
          <Icon name="check" />
        </button>
      </div>
    </form>
  );
}
