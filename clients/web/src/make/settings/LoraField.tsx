import type { Model } from "../../api/types";
import { number } from "../../i18n";
import { change, draft } from "../../state/draft";
import { mend } from "../../state/problems";
import { Icon } from "../../ui/Icon";
import { problemOf } from "../problems";
import { t } from "../words";
import { Range } from "./Range";

/** What can be added to the model, how strongly, and the words that go with it. */
export function LoraField({ model }: { model: Model }) {
  const { loras } = draft.value;
  const left = model.loras.filter((each) => !loras.some((chosen) => chosen.name === each.name));
  const problem = problemOf(["/loras"]);
  const set = (next: typeof loras) => {
    mend("/loras");
    change({ loras: next });
  };
  if (!model.loras.length && !loras.length) return null;
  return (
    <fieldset class="field">
      <legend>{t("loras")}</legend>
      {loras.map(({ name, weight }, at) => (
        <div key={name} class="lora">
          <Range
            label={model.loras.find((each) => each.name === name)?.title || name}
            said={number(weight, 2)}
            pointer={`/loras/${at}`}
            value={weight}
            min={-1}
            max={2}
            step={0.05}
            change={(value) => set(loras.map((each, index) => (index === at ? { name, weight: value } : each)))}
          />
          <button
            type="button"
            class="plain"
            aria-label={t("removeLora", name)}
            onClick={() => set(loras.filter((_, index) => index !== at))}
          >
            <Icon name="close" />
          </button>
          <Triggers words={model.loras.find((each) => each.name === name)?.triggers ?? []} />
        </div>
      ))}
      {left.length > 0 && (
        <select
          aria-label={t("addLora")}
          value=""
          onChange={(event) => {
            const name = event.currentTarget.value;
            event.currentTarget.value = "";
            if (name) set([...loras, { name, weight: 1 }]);
          }}
        >
          <option value="">{t("addLora")}</option>
          {left.map((each) => (
            <option key={each.name} value={each.name}>
              {each.title || each.name}
            </option>
          ))}
        </select>
      )}
      {problem && <p class="error">{problem}</p>}
    </fieldset>
  );
}

/** Words that a prompt should have with it, those that it lacks. */
function Triggers({ words }: { words: readonly string[] }) {
  const { prompt } = draft.value;
  const lacking = words.filter((each) => !prompt.toLowerCase().includes(each.toLowerCase()));
  if (!lacking.length) return null;
  return (
    <div class="triggers">
      {lacking.map((word) => (
        <button
          key={word}
          type="button"
          aria-label={t("addWord", word)}
          onClick={() => change({ prompt: prompt.trim() ? `${prompt.trim()}, ${word}` : word })}
        >
          + {word}
        </button>
      ))}
    </div>
  );
}
