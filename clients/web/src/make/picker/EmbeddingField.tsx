import { useSignal } from "@preact/signals";
import type { Model } from "../../api/types";
import { addWord, says } from "../../state/form/choose";
import { change, draft } from "../../state/form/draft";
import { mend } from "../../state/form/problems";
import { found, Search } from "../../ui/Search";
import { t } from "../words";

/** Words that the model learned from files of their own: a tap puts one into the prompt. */
export function EmbeddingField({ model }: { model: Model }) {
  const asked = useSignal("");
  const { prompt, negative } = draft.value;
  const shown = model.embeddings.filter((each) => found(asked.value, each.name, each.title, each.description));
  if (!model.embeddings.length) return null;
  return (
    <fieldset class="field">
      <legend>{t("embeddings")}</legend>
      <Search among={model.embeddings.length} asked={asked} />
      <ul class="embeddings">
        {shown.map(({ name, title }) => (
          <li key={name}>
            <span title={name}>{title || name}</span>
            <button
              type="button"
              aria-label={t("addWord", name)}
              aria-pressed={says(prompt, name)}
              disabled={says(prompt, name)}
              onClick={() => {
                mend("/prompt");
                change({ prompt: addWord(prompt, name) });
              }}
            >
              {t("wanted")}
            </button>
            <button
              type="button"
              aria-label={t("addUnwanted", name)}
              aria-pressed={says(negative, name)}
              disabled={says(negative, name)}
              onClick={() => {
                mend("/negative_prompt");
                change({ negative: addWord(negative, name) });
              }}
            >
              {t("unwanted")}
            </button>
          </li>
        ))}
      </ul>
    </fieldset>
  );
}
