import { useId } from "preact/hooks";
import type { FieldError } from "../api/types";
import { plain } from "../i18n/direction";
import { draft } from "../state/form/draft";
import { input } from "../state/form/input";
import { model, models, samplers, schedules } from "../state/form/models";
import { said } from "../ui/said";
import { capital } from "../ui/sentence";
import { EMPTY_ROW, FIELDS, takesNames, valuesOf, type Field, type Row } from "./plan";
import { t } from "./words";

interface Props {
  label: string;
  row: Row;
  change(row: Row): void;
  problems: readonly FieldError[];
}

/** One axis: which field changes along it, and through which values. */
export function AxisField({ label, row, change, problems }: Props) {
  const id = useId();
  const set = (some: Partial<Row>) => change({ ...row, ...some });
  return (
    <fieldset class="field axis">
      <legend class="unseen">{label}</legend>
      <label for={id}>{label}</label>
      <select id={id} value={row.field} onChange={(event) => change({ ...EMPTY_ROW, field: event.currentTarget.value as Row["field"] })}>
        <option value="">{t("nothing")}</option>
        {offered().map((field) => (
          <option key={field} value={field}>
            {title(field)}
          </option>
        ))}
      </select>
      {row.field === "words" && (
        <>
          <label for={`${id}-replace`}>{t("replace")}</label>
          <input id={`${id}-replace`} dir="auto" autocomplete="off" value={row.replace} onInput={(event) => set({ replace: event.currentTarget.value })} />
        </>
      )}
      {takesNames(row.field) ? (
        <div class="names" role="group" aria-label={title(row.field as Field)}>
          {names(row.field).map(({ name, text }) => (
            <button
              key={name}
              type="button"
              aria-pressed={row.names.includes(name)}
              onClick={() => set({ names: row.names.includes(name) ? row.names.filter((each) => each !== name) : [...row.names, name] })}
            >
              {text}
            </button>
          ))}
        </div>
      ) : (
        row.field && (
          <>
            <label for={`${id}-values`}>{t(row.field !== "words" ? "numbers" : row.replace ? "by" : "whole")}</label>
            <textarea
              id={`${id}-values`}
              dir="auto"
              rows={row.field === "words" ? 3 : 1}
              inputMode={row.field === "words" ? "text" : "decimal"}
              value={row.text}
              onInput={(event) => set({ text: event.currentTarget.value })}
            />
          </>
        )
      )}
      {row.field && valuesOf(row) === null && <p class="error">{t("noNumber")}</p>}
      {problems.map((each) => (
        <p key={each.pointer} class="error" role="alert">
          {capital(said(each.detail, each.wording))}
        </p>
      ))}
    </fieldset>
  );
}

/** What can change now: a strength where a picture is the beginning, weights of what was added. */
function offered(): Field[] {
  const changes = input.value && input.value.use !== "edit";
  const fields = FIELDS.filter((each) => each !== "strength" || changes);
  return [...fields, ...draft.value.loras.map((_, index) => `loras/${index}/weight` as const)];
}

/** What a field is called. */
export function title(field: Field): string {
  const [, index] = /^loras\/(\d+)/.exec(field) ?? [];
  if (index === undefined) return t(field as (typeof FIELDS)[number]);
  const { name } = draft.value.loras[Number(index)] ?? { name: "" };
  return plain(t("weight", model.value?.loras.find((each) => each.name === name)?.title || name));
}

/** The names that a field may have, and what each is called. */
export function names(field: Row["field"]): { name: string; text: string }[] {
  const chosen = model.value;
  if (field === "model") return models.value.map(({ name, title }) => ({ name, text: title || name }));
  if (field === "sampler") {
    return samplers.value.filter(({ name }) => !chosen || chosen.samplers.includes(name)).map(({ name, title }) => ({ name, text: title || name }));
  }
  return schedules.value.filter(({ name }) => !chosen || chosen.schedules.includes(name)).map(({ name, label }) => ({ name, text: label || name }));
}
