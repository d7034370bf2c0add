import type { ComponentChildren } from "preact";
import { models } from "../../state/form/models";
import { USES } from "../../state/form/input";
import { t as gallery } from "../words";
import { Choice, type Option } from "./Choice";
import { anyOf, DATES, filters, NO_FILTERS, SIZES, type Filters } from "./filters";
import { t } from "./words";

/** What of the pictures is to be seen, field by field; `children` are further fields before these. */
export function FilterRow({ children }: { children?: ComponentChildren }) {
  const kinds: readonly Option[] = [["text-to-image", t("text-to-image")], ...USES.map((use): Option => [use, gallery(use)])];
  return (
    <div class="filters" role="group" aria-label={t("filters")}>
      {children}
      <Field name="model" options={models.value.map((each) => [each.name, each.title])} />
      <Field name="date" options={(Object.keys(DATES) as (keyof typeof DATES)[]).map((each) => [each, t(each)])} />
      <Field name="size" options={SIZES.map((each) => [each, t(each)])} />
      <Field name="kind" options={kinds} />
      {anyOf(filters.value) && (
        <button type="button" onClick={() => (filters.value = NO_FILTERS)}>
          {t("reset")}
        </button>
      )}
    </div>
  );
}

function Field({ name, options }: { name: keyof Filters; options: readonly Option[] }) {
  const choose = (value: string) => (filters.value = { ...filters.peek(), [name]: value });
  return <Choice label={t(name)} value={filters.value[name]} options={[["", t("any")], ...options]} choose={choose} />;
}
