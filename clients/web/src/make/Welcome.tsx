import { change } from "../state/form/draft";
import { send } from "./send";
import { settle } from "./settle";
import { t } from "./words";

/** What the model that ships does well; other models do too. The words are what it was taught. */
const EXAMPLES = ["two red cats", "a cat and a rocket", "purple cat", "rocket, flat"];

/** For who has made nothing yet: a picture for one tap. */
export function Welcome() {
  return (
    <div class="welcome">
      <p>{t("welcome")}</p>
      <ul>
        {EXAMPLES.map((prompt) => (
          <li key={prompt} lang="en">
            <button
              type="button"
              onClick={() => {
                change({ prompt });
                if (send()) settle();
              }}
            >
              {prompt}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
