import { change } from "../../state/form/draft";
import { t } from "../words";
import { Range } from "./Range";

/** How much of a picture is painted anew. */
export function StrengthField({ value }: { value: number }) {
  return (
    <Range
      label={t("strength")}
      said={t(`strength-${Math.min(3, Math.floor(value * 4)) as 0 | 1 | 2 | 3}`)}
      pointer="/strength"
      value={value}
      min={0.05}
      max={1}
      step={0.05}
      change={(strength) => change({ strength })}
    />
  );
}
