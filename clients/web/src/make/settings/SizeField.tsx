import { useSignal } from "@preact/signals";
import { useEffect, useId } from "preact/hooks";
import type { Model } from "../../api/types";
import { dimensions } from "../../i18n";
import { change, draft, refilled } from "../../state/form/draft";
import { mend, remark } from "../../state/form/problems";
import { useProblem } from "../problems";
import { t } from "../words";
import { asDrafted, fit, RATIOS, ratioOf, sized, type Size } from "../../state/form/sizes";

/** The size of the pictures by their shape, or in pixels. */
export function SizeField({ model }: { model: Model }) {
  const id = useId();
  const { width, height } = draft.value;
  const size = { width: width ?? model.width, height: height ?? model.height };
  const ratio = ratioOf(size, model);
  const own = useSignal(false);
  useEffect(() => void (own.value = false), [refilled.value]);
  const custom = own.value || ratio === null;
  const problem = useProblem(["/width", "/height"]);

  const take = (next: Size) => {
    mend("/width", "/height");
    change(asDrafted(next, model));
  };
  return (
    <fieldset class="field">
      <legend>
        {t("size")} <b>{dimensions(size.width, size.height)}</b>
      </legend>
      <div class="ratios">
        {RATIOS.map((each) => (
          <label key={each.join()} class="ratio">
            <input
              type="radio"
              name={id}
              class="unseen"
              checked={!custom && each === ratio}
              onChange={() => {
                own.value = false;
                take(sized(each, model));
              }}
            />
            <span class="shape" style={{ aspectRatio: each.join("/") }} data-wide={each[0] >= each[1] || undefined} />
            {each.join(":")}
          </label>
        ))}
        <label class="ratio">
          <input
            type="radio"
            name={id}
            class="unseen"
            checked={custom}
            onChange={() => {
              own.value = true;
            }}
          />
          {t("custom")}
        </label>
      </div>
      {custom && (
        <div class="pair">
          <Side label={t("width")} value={size.width} most={model.limits.max_width} model={model} pointer="/width" wrong={problem !== ""} take={(next) => take({ ...size, width: next })} />
          <Side label={t("height")} value={size.height} most={model.limits.max_height} model={model} pointer="/height" wrong={problem !== ""} take={(next) => take({ ...size, height: next })} />
        </div>
      )}
      {problem && <p class="error">{problem}</p>}
    </fieldset>
  );
}

interface SideProps {
  label: string;
  value: number;
  most: number;
  model: Model;
  pointer: string;
  wrong: boolean;
  take(pixels: number): void;
}

function Side({ label, value, most, model, pointer, wrong, take }: SideProps) {
  return (
    <label>
      {label}
      <input
        type="number"
        inputMode="numeric"
        min={model.factor}
        max={most}
        step={model.factor}
        value={value}
        aria-invalid={wrong || undefined}
        onChange={(event) => {
          const pixels = event.currentTarget.valueAsNumber;
          const next = Number.isFinite(pixels) ? fit(pixels, model, most) : value;
          event.currentTarget.value = String(next);
          take(next);
          // A multiple close by is what was meant; half of it or ten times is not.
          if (Number.isFinite(pixels) && Math.abs(pixels - next) >= model.factor) {
            remark({ pointer, detail: t(pixels > next ? "longest" : "shortest", next, pixels) });
          }
        }}
      />
    </label>
  );
}
