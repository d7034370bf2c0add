import { language } from "../i18n";
import { change } from "../state/form/draft";
import { model } from "../state/form/models";
import { send } from "./send";
import { settle } from "./settle";
import { t } from "./words";

/** What the model that ships does well; other models do too. The words are what it was taught. */
const ENGLISH = ["two red cats", "a cat and a rocket", "purple cat", "rocket, flat"];

/** The same as its table of words reads them. */
const VIETNAMESE = ["hai con mèo đỏ", "con mèo và tên lửa", "con mèo tím", "tên lửa, flat"];

/** For who has made nothing yet: a picture for one tap. */
export function Welcome() {
  const read = language.value === "vi" && model.value?.reads_words;
  return (
    <div class="welcome">
      <p>{t("welcome")}</p>
      <ul>
        {(read ? VIETNAMESE : ENGLISH).map((prompt) => (
          <li key={prompt} lang={read ? "vi" : "en"}>
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
