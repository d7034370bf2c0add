import type { Lora, Model } from "../../api/types";
import { number } from "../../i18n";
import { blocksOf, PARTS, sharedWeight, weighed, weightOf, type Block } from "../../state/form/blocks";
import { change, draft } from "../../state/form/draft";
import { Folded } from "../settings/Folded";
import { Range } from "../settings/Range";
import { t } from "./words";

/** How much of each LoRA acts in which part of the network. */
export function BlocksRoom({ model }: { model: Model }) {
  const { loras } = draft.value;
  return (
    <div class="guides">
      <p class="muted">{t("help")}</p>
      {loras.map((each, at) => (
        <Weighed
          key={each.name}
          lora={each}
          title={model.loras.find(({ name }) => name === each.name)?.title || each.name}
          pointer={`/loras/${at}/block_weights`}
          blocks={blocksOf(model)}
          set={(next) => change({ loras: draft.peek().loras.map((other, index) => (index === at ? next : other)) })}
        />
      ))}
    </div>
  );
}

interface WeighedProps {
  lora: Lora;
  title: string;
  pointer: string;
  blocks: ReturnType<typeof blocksOf>;
  set(next: Lora): void;
}

/** The parts of one LoRA, and behind them its blocks. */
function Weighed({ lora, title, pointer, blocks, set }: WeighedProps) {
  const field = (label: string, of: readonly Block[], value: number, said: string) => (
    <Range
      key={label}
      label={label}
      said={said}
      pointer={`${pointer}/${of[0]}`}
      value={value}
      min={0}
      max={2}
      step={0.05}
      change={(weight) => set(weighed(lora, of, weight))}
    />
  );
  return (
    <fieldset class="guide">
      <legend>{title}</legend>
      {PARTS.map((part) => {
        const of = blocks[part];
        const shared = sharedWeight(lora, of);
        const mean = of.reduce((all, each) => all + weightOf(lora, each), 0) / of.length;
        return field(t(part), of, mean, shared === null ? t("several") : number(shared, 2));
      })}
      <Folded title={t("each")} pointers={[]}>
        {[...blocks.down, ...blocks.up].map((each) => field(each, [each], weightOf(lora, each), number(weightOf(lora, each), 2)))}
      </Folded>
    </fieldset>
  );
}
