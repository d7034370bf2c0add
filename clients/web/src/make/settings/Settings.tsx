import { useId } from "preact/hooks";
import type { Model } from "../../api/types";
import { change, draft, onlyEnlarges } from "../../state/form/draft";
import { input } from "../../state/form/input";
import { model, samplers, schedules } from "../../state/form/models";
import { mend } from "../../state/form/problems";
import { Icon } from "../../ui/Icon";
import { Rooms } from "../guides/Rooms";
import { EmbeddingField } from "../picker/EmbeddingField";
import { LoraField } from "../picker/LoraField";
import { ModelField } from "../picker/ModelField";
import { useProblem } from "../problems";
import { t } from "../words";
import { Choice } from "./Choice";
import { samplersOf, schedulesOf } from "./choices";
import { FacesField, More } from "./More";
import { Range } from "./Range";
import { SeedField } from "./SeedField";
import { SizeField } from "./SizeField";
import { WalkField } from "./WalkField";

/** All that can be set, the things that are changed most often first. */
export function Settings() {
  const chosen = model.value;
  const { steps, guidance, count, walk } = draft.value;
  if (onlyEnlarges(draft.value, input.value)) {
    return (
      <div class="settings">
        <ModelField />
        <p class="muted">{t("fewCount")}</p>
        {chosen && (chosen.face_restorers.length > 0 || draft.value.faces > 0) && <FacesField model={chosen} />}
      </div>
    );
  }
  return (
    <div class="settings">
      <ModelField />
      {chosen && <LoraField model={chosen} />}
      {chosen && !input.value && <SizeField model={chosen} />}
      {chosen && !input.value && <WalkField model={chosen} />}
      {(input.value || !walk || walk.over === "prompts" || walk.over === "seeds") && (
        <CountField count={count} most={chosen?.limits.max_count ?? 4} />
      )}
      {chosen && (
        <>
          <Range
            label={t("steps")}
            help={t("stepsHelp")}
            pointer="/steps"
            value={steps ?? chosen.steps}
            min={1}
            max={Math.min(60, chosen.limits.max_steps)}
            most={chosen.limits.max_steps}
            step={1}
            typed
            change={(value) => change({ steps: value === chosen.steps ? null : Math.round(value) })}
          />
          <Range
            label={t("guidance")}
            help={t("guidanceHelp")}
            pointer="/guidance_scale"
            value={guidance ?? chosen.guidance_scale}
            min={0}
            max={20}
            most={50}
            step={0.5}
            typed
            change={(value) => change({ guidance: value === chosen.guidance_scale ? null : value })}
          />
        </>
      )}
      <SeedField />
      <NegativeField />
      {chosen && <EmbeddingField model={chosen} />}
      <SamplerFields />
      {chosen && <VaeField model={chosen} />}
      {chosen && <Rooms model={chosen} />}
      {chosen && <More model={chosen} />}
    </div>
  );
}

function CountField({ count, most }: { count: number; most: number }) {
  const problem = useProblem(["/count"]);
  const set = (value: number) => {
    mend("/count");
    change({ count: Math.min(most, Math.max(1, value)) });
  };
  return (
    <div class="field" role="group" aria-label={t("count")}>
      <div class="count">
        <span>{t("count")}</span>
        <button type="button" aria-label={t("fewer")} disabled={count <= 1} onClick={() => set(count - 1)}>
          <Icon name="minus" />
        </button>
        <output aria-live="polite">{count}</output>
        <button type="button" aria-label={t("more")} disabled={count >= most} onClick={() => set(count + 1)}>
          <Icon name="plus" />
        </button>
      </div>
      {problem && <p class="error">{problem}</p>}
    </div>
  );
}

function NegativeField() {
  const id = useId();
  const problem = useProblem(["/negative_prompt"]);
  return (
    <div class="field">
      <label for={id}>{t("negative")}</label>
      <textarea
        id={id}
        rows={2}
        dir="auto"
        value={draft.value.negative}
        aria-invalid={problem ? true : undefined}
        onInput={(event) => {
          mend("/negative_prompt");
          change({ negative: event.currentTarget.value });
        }}
      />
      {problem && <p class="error">{problem}</p>}
    </div>
  );
}

function VaeField({ model }: { model: Model }) {
  const { vae } = draft.value;
  if (!model.vaes.length && !vae) return null;
  const known = model.vaes.some((each) => each.name === vae);
  return (
    <Choice
      label={t("vae")}
      pointer="/vae"
      value={vae ?? ""}
      options={[
        { value: "", text: t("ownVae") },
        ...(vae && !known ? [{ value: vae, text: vae }] : []),
        ...model.vaes.map((each) => ({ value: each.name, text: each.title || each.name })),
      ]}
      change={(name) => change({ vae: name || null })}
    />
  );
}

function SamplerFields() {
  const chosen = model.value;
  const takes = samplersOf(chosen, samplers.value);
  const { sampler, schedule } = draft.value;
  const of = (name: string | null | undefined) => schedulesOf(chosen, name, samplers.value, schedules.value);
  const title = (name: string) => samplers.value.find((each) => each.name === name)?.title ?? name;
  const spaced = of(sampler ?? chosen?.sampler);
  if (!chosen || !takes.length) return null;
  return (
    <>
      <Choice
        label={t("sampler")}
        pointer="/sampler"
        value={sampler ?? ""}
        options={[
          { value: "", text: t("own", title(chosen.sampler)) },
          ...takes.map((each) => ({ value: each.name, text: each.title })),
        ]}
        change={(name) => {
          const kept = of(name || chosen.sampler).some((each) => each.name === schedule);
          change({ sampler: name || null, schedule: kept ? schedule : "automatic" });
        }}
      />
      {spaced.length > 1 && (
        <Choice
          label={t("schedule")}
          pointer="/schedule"
          value={schedule}
          options={[
            { value: "automatic", text: t("automatic") },
            ...spaced
              .filter((each) => each.name !== "automatic")
              .map((each) => ({ value: each.name, text: each.label })),
          ]}
          change={(name) => change({ schedule: name })}
        />
      )}
    </>
  );
}
