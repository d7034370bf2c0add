import { useSignal } from "@preact/signals";
import type { AddOn, Model } from "../../api/types";
import { number } from "../../i18n";
import { addLora, addWord, says } from "../../state/form/choose";
import { change, draft } from "../../state/form/draft";
import { mend } from "../../state/form/problems";
import { Cover } from "../../ui/models/Cover";
import { Icon } from "../../ui/Icon";
import { useProblem } from "../problems";
import { Range } from "../settings/Range";
import { t } from "../words";
import { AddOnSheet } from "./AddOnSheet";

/** What can be added to the model, how strongly, and the words that go with it. */
export function LoraField({ model }: { model: Model }) {
  return model.loras.length || draft.value.loras.length ? <Loras model={model} /> : null;
}

function Loras({ model }: { model: Model }) {
  const open = useSignal(false);
  const { loras } = draft.value;
  const left = model.loras.filter((each) => !loras.some((chosen) => chosen.name === each.name));
  const problem = useProblem(["/loras"]);
  const set = (next: typeof loras) => {
    mend("/loras");
    change({ loras: next });
  };
  return (
    <fieldset class="field loras">
      <legend>{t("loras")}</legend>
      {loras.map(({ name, weight }, at) => (
        <Chosen
          key={name}
          name={name}
          lora={model.loras.find((each) => each.name === name)}
          family={model.family}
          weight={weight}
          at={at}
          weigh={(value) => set(loras.map((each, index) => (index === at ? { ...each, weight: value } : each)))}
          remove={() => set(loras.filter((_, index) => index !== at))}
        />
      ))}
      {left.length > 0 && (
        <button type="button" class="add" aria-haspopup="dialog" onClick={() => (open.value = true)}>
          <Icon name="plus" />
          {t("addLora")}
        </button>
      )}
      {problem && <p class="error">{problem}</p>}
      {open.value && (
        <AddOnSheet
          title={t("addLora")}
          all={left}
          family={model.family}
          take={({ name }) => {
            addLora(name);
            open.value = false;
          }}
          close={() => (open.value = false)}
        />
      )}
    </fieldset>
  );
}

interface ChosenProps {
  name: string;
  lora: AddOn | undefined;
  family: string;
  weight: number;
  at: number;
  weigh(value: number): void;
  remove(): void;
}

function Chosen({ name, lora, family, weight, at, weigh, remove }: ChosenProps) {
  const title = lora?.title || name;
  return (
    <div class="lora">
      <Cover name={title} family={family} url={lora?.preview_url} />
      <Range
        label={title}
        said={number(weight, 2)}
        pointer={`/loras/${at}`}
        value={weight}
        min={-1}
        max={2}
        step={0.05}
        change={weigh}
      />
      <button type="button" class="plain" aria-label={t("removeLora", title)} onClick={remove}>
        <Icon name="close" />
      </button>
      <Triggers words={lora?.triggers ?? []} />
    </div>
  );
}

/** Words that a prompt should have with it, those that it lacks. */
function Triggers({ words }: { words: readonly string[] }) {
  const { prompt } = draft.value;
  const lacking = words.filter((each) => !says(prompt, each));
  if (!lacking.length) return null;
  return (
    <div class="triggers">
      {lacking.map((word) => (
        <button
          key={word}
          type="button"
          aria-label={t("addWord", word)}
          onClick={() => {
            mend("/prompt");
            change({ prompt: addWord(prompt, word) });
          }}
        >
          + {word}
        </button>
      ))}
    </div>
  );
}
