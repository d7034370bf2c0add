import { useId } from "preact/hooks";

interface FieldProps {
  label: string;
  value: string;
  change(value: string): void;
  help?: string;
  /** The most letters. */
  most?: number;
  /** Lines of a longer text. */
  lines?: number;
  number?: { min: number; max: number; step: number };
  options?: readonly { value: string; text: string }[];
}

/** One thing that can be written or chosen. */
export function Field({ label, value, change, help, most, lines, number, options }: FieldProps) {
  const id = useId();
  const common = {
    id,
    value,
    "aria-describedby": help ? `${id}-help` : undefined,
    onInput: (event: { currentTarget: { value: string } }) => change(event.currentTarget.value),
  };
  return (
    <div>
      <label for={id}>{label}</label>
      {options ? (
        <select {...common}>
          {options.map((each) => (
            <option key={each.value} value={each.value}>
              {each.text}
            </option>
          ))}
        </select>
      ) : number ? (
        <input {...common} {...number} type="number" />
      ) : lines ? (
        <textarea {...common} dir="auto" rows={lines} maxLength={most} />
      ) : (
        <input {...common} dir="auto" type="text" maxLength={most} />
      )}
      {help && (
        <p id={`${id}-help`} class="muted">
          {help}
        </p>
      )}
    </div>
  );
}
