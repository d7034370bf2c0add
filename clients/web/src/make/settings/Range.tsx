import { useId } from "preact/hooks";
import { mend } from "../../state/form/problems";
import { useProblem } from "../problems";
import { t } from "../words";

interface RangeProps {
  label: string;
  /** The value as it is said, where a number says little. */
  said?: string;
  help?: string;
  /** The request's field, as a JSON pointer. */
  pointer: string;
  value: number;
  min: number;
  max: number;
  step: number;
  /** The most that may be typed, where a slider as long as that would be too coarse. */
  most?: number;
  /** Whether the number stands beside the slider, to be typed. */
  typed?: boolean;
  change(value: number): void;
}

/** A number to be slid with a thumb, or typed. */
export function Range(props: RangeProps) {
  const { label, pointer, value, min, max, step, most = max } = props;
  const id = useId();
  const problem = useProblem([pointer]);
  const take = (text: string) => {
    const number = Number(text);
    if (text.trim() === "" || !Number.isFinite(number)) return;
    mend(pointer);
    props.change(Math.min(most, Math.max(min, number)));
  };
  const described = problem || props.help ? `${id}-help` : undefined;
  return (
    <div class="field range">
      <label for={id}>
        {label}
        {props.said && (
          <b>
            <bdi>{props.said}</bdi>
          </b>
        )}
      </label>
      <div class="range-row">
        <input
          id={id}
          type="range"
          min={min}
          max={max}
          step={step}
          value={value}
          aria-valuetext={props.said}
          aria-describedby={described}
          aria-invalid={problem ? true : undefined}
          onInput={(event) => take(event.currentTarget.value)}
        />
        {props.typed && (
          <input
            type="number"
            inputMode="decimal"
            aria-label={t("exactly", label)}
            min={min}
            max={most}
            step={step}
            value={value}
            onChange={(event) => {
              take(event.currentTarget.value);
              // What was refused or rounded must not stand there.
              event.currentTarget.value = String(props.value);
            }}
          />
        )}
      </div>
      {described && (
        <p id={described} class={problem ? "error" : "muted"}>
          {problem || props.help}
        </p>
      )}
    </div>
  );
}
