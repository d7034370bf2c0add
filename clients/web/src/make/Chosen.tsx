import { Icon } from "../ui/Icon";
import { useProblem } from "./problems";

/** One of them: what it says, what a tap on it does in words, and the same as a deed. */
export type Chosen = { says: string; out: string; leave(): void };

/** What goes along with the prompt, each of which a tap leaves out; what is wrong with `fields` below. */
export function ChosenList({ label, each, fields }: { label: string; each: readonly Chosen[]; fields: readonly string[] }) {
  const problem = useProblem([...fields]);
  if (!each.length) return null;
  return (
    <>
      <ul class="styles" aria-label={label}>
        {each.map(({ says, out, leave }) => (
          <li key={out}>
            <button type="button" aria-label={out} title={out} onClick={leave}>
              <span dir="auto">{says}</span>
              <Icon name="close" />
            </button>
          </li>
        ))}
      </ul>
      {problem && (
        <p class="error" role="alert">
          {problem}
        </p>
      )}
    </>
  );
}
