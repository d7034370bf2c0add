import { change, draft } from "../state/form/draft";
import { mend } from "../state/form/problems";
import { Icon } from "../ui/Icon";
import { useProblem } from "./problems";
import { t } from "./words";

/** The styles whose words the server puts to the prompt; a tap leaves one. */
export function Styles() {
  const { styles } = draft.value;
  const problem = useProblem(["/styles"]);
  if (!styles.length) return null;
  return (
    <>
      <ul class="styles" aria-label={t("styles")}>
        {styles.map((name) => (
          <li key={name}>
            <button
              type="button"
              aria-label={t("leaveStyle", name)}
              title={t("leaveStyle", name)}
              onClick={() => {
                mend("/styles");
                change({ styles: styles.filter((each) => each !== name) });
              }}
            >
              <span dir="auto">{name}</span>
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
