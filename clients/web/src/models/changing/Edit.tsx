import { useSignal } from "@preact/signals";
import * as api from "../../api/models/models";
import type { AddOnChange, Model, ModelChange } from "../../api/types";
import { refreshModels, samplers, schedules } from "../../state/form/models";
import { toast } from "../../state/page/toasts";
import { sentence } from "../../ui/sentence";
import { Sheet } from "../../ui/sheets/Sheet";
import { titleOf, type Fitting } from "../shelf";
import { t } from "../words";
import { differs } from "./differs";
import { Field } from "./Field";
import { namedOf } from "./named";

/** The words and defaults of a model or an add-on, to be written anew. */
export function Edit({ of, close }: { of: Model | Fitting; close(): void }) {
  const was = valuesOf(of);
  const now = useSignal(was);
  const busy = useSignal(false);
  const problem = useSignal("");
  const save = async (some: ModelChange | AddOnChange) => {
    if (!Object.keys(some).length) return close();
    busy.value = true;
    problem.value = "";
    try {
      await api.change(namedOf(of), some);
      await refreshModels().catch(() => undefined);
      toast(t("saved"));
      close();
    } catch (error) {
      problem.value = sentence(error, false);
    } finally {
      busy.value = false;
    }
  };
  const field = (name: string) => ({
    label: t(`field-${name}` as "field-title"),
    value: now.value[name]!,
    change: (value: string) => (now.value = { ...now.peek(), [name]: value }),
  });
  return (
    <Sheet title={t("editOf", titleOf(of))} close={close}>
      <form
        class="editing"
        onSubmit={(event) => {
          event.preventDefault();
          void save(differs(was, now.peek()));
        }}
      >
        <Field {...field("title")} most={200} />
        <Field {...field("description")} most={2000} lines={3} />
        {"models" in of ? (
          of.kind === "loras" && <Field {...field("triggers")} help={t("triggersHelp")} />
        ) : (
          <>
            <div class="pair">
              <Field {...field("steps")} number={{ min: 1, max: of.limits.max_steps, step: 1 }} />
              <Field {...field("guidance_scale")} number={{ min: 0, max: 50, step: 0.1 }} />
              <Field {...field("width")} number={{ min: of.factor, max: of.limits.max_width, step: of.factor }} />
              <Field {...field("height")} number={{ min: of.factor, max: of.limits.max_height, step: of.factor }} />
            </div>
            <Field {...field("sampler")} options={samplersOf(of)} />
            <Field {...field("schedule")} options={schedulesOf(of, now.value["sampler"]!)} />
          </>
        )}
        <p class="error" role="alert">
          {problem.value}
        </p>
        <div class="ways">
          <button
            type="button"
            disabled={busy.value}
            onClick={() => void save(Object.fromEntries(Object.keys(was).map((each) => [each, null])))}
          >
            {t("asFile")}
          </button>
          <button class="primary" disabled={busy.value}>
            {t("save")}
          </button>
        </div>
      </form>
    </Sheet>
  );
}

function samplersOf(model: Model): { value: string; text: string }[] {
  const takes = samplers.value.filter((each) => model.samplers.includes(each.name));
  return takes.map((each) => ({ value: each.name, text: each.title }));
}

/** The schedules that go with a sampler and the model. */
function schedulesOf(model: Model, sampler: string): { value: string; text: string }[] {
  const takes = samplers.value.find((each) => each.name === sampler)?.schedules ?? [];
  const both = (name: string) => takes.includes(name) && model.schedules.includes(name) && name !== "automatic";
  const named = schedules.value.filter((each) => both(each.name));
  return [
    { value: "automatic", text: t("automatic") },
    ...named.map((each) => ({ value: each.name, text: each.label })),
  ];
}

/** What can be changed, as the fields show it. */
function valuesOf(of: Model | Fitting): Record<string, string> {
  const { title, description } = of;
  if ("models" in of) {
    return { title, description, ...(of.kind === "loras" ? { triggers: of.triggers.join(", ") } : {}) };
  }
  const { steps, guidance_scale, width, height, sampler, schedule } = of;
  return {
    title,
    description,
    steps: String(steps),
    guidance_scale: String(guidance_scale),
    width: String(width),
    height: String(height),
    sampler,
    schedule,
  };
}
