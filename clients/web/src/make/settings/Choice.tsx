import { useId } from "preact/hooks";
import { mend } from "../../state/form/problems";
import { useProblem } from "../problems";

interface ChoiceProps {
  label: string;
  pointer: string;
  value: string;
  options: readonly { value: string; text: string }[];
  help?: string | undefined;
  change(value: string): void;
}

/** One of several, as the system's own list: a thumb knows it. */
export function Choice({ label, pointer, value, options, help, change }: ChoiceProps) {
  const id = useId();
  const problem = useProblem([pointer]);
  const said = problem || help;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select
        id={id}
        value={value}
        aria-invalid={problem ? true : undefined}
        aria-describedby={said ? `${id}-help` : undefined}
        onChange={(event) => {
          mend(pointer);
          change(event.currentTarget.value);
        }}
      >
        {options.map((each) => (
          <option key={each.value} value={each.value}>
            {each.text}
          </option>
        ))}
      </select>
      {said && (
        <p id={`${id}-help`} class={problem ? "error" : "muted"}>
          {said}
        </p>
      )}
    </div>
  );
}
