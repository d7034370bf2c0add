import { useId } from "preact/hooks";
import { models } from "../../state/form/models";
import { USES } from "../../state/form/input";
import { t as gallery } from "../words";
import { anyOf, DATES, filters, NO_FILTERS, SIZES, type Filters } from "./filters";
import { t } from "./words";

/** What of the pictures is to be seen, field by field. */
export function FilterRow() {
  const kinds: [string, string][] = [["text-to-image", t("text-to-image")], ...USES.map((use): [string, string] => [use, gallery(use)])];
  return (
    <div class="filters" role="group" aria-label={t("filters")}>
      <Field name="model" options={models.value.map((each) => [each.name, each.title])} />
      <Field name="date" options={(Object.keys(DATES) as (keyof typeof DATES)[]).map((each) => [each, t(each)])} />
      <Field name="size" options={SIZES.map((each) => [each, t(each)])} />
      <Field name="kind" options={kinds} />
      {anyOf(filters.value) && (
        <button type="button" class="plain" onClick={() => (filters.value = NO_FILTERS)}>
          {t("reset")}
        </button>
      )}
    </div>
  );
}

function Field({ name, options }: { name: keyof Filters; options: readonly (readonly [string, string])[] }) {
  const id = useId();
  return (
    <div>
      <label for={id}>{t(name)}</label>
      <select
        id={id}
        value={filters.value[name]}
        onChange={(event) => (filters.value = { ...filters.peek(), [name]: event.currentTarget.value })}
      >
        <option value="">{t("any")}</option>
        {options.map(([value, text]) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}
