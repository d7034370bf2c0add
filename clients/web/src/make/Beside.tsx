import { besideSaid } from "../state/form/beside";
import { change, draft, onlyEnlarges } from "../state/form/draft";
import { input } from "../state/form/input";
import { mend } from "../state/form/problems";
import { Icon } from "../ui/Icon";
import { useProblem } from "./problems";
import { t } from "./words";

/** What a recipe asks for beside all fields of the form; a tap leaves it out. */
export function Beside() {
  const { beside, hires } = draft.value;
  const said = onlyEnlarges(draft.value, input.value) ? [] : besideSaid(beside).filter(([field]) => field !== "hires" || (hires !== null && !input.value));
  const problem = useProblem(said.map(([field]) => `/${field}`));
  if (!said.length) return null;
  return (
    <>
      <ul class="styles" aria-label={t("beside")}>
        {said.map(([field, words]) => (
          <li key={field}>
            <button
              type="button"
              aria-label={t("leaveOut", words)}
              title={t("leaveOut", words)}
              onClick={() => {
                mend(`/${field}`);
                const { [field]: _, ...rest } = beside;
                change({ beside: rest });
              }}
            >
              <span dir="auto">{words}</span>
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
