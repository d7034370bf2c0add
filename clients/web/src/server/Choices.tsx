import { LANGUAGES, language, speak, type Language } from "../i18n";
import { theme, type Theme } from "../ui/theme";
import "./choices.css";
import { t } from "./words";

export function Languages() {
  return (
    <div class="choice" role="group" aria-label={t("language")}>
      {(Object.keys(LANGUAGES) as Language[]).map((each) => (
        <button
          type="button"
          key={each}
          lang={each}
          aria-pressed={language.value === each}
          onClick={() => speak(each)}
        >
          {LANGUAGES[each]}
        </button>
      ))}
    </div>
  );
}

const THEMES: readonly Theme[] = ["system", "dark", "light"];

export function Themes() {
  return (
    <div class="choice" role="group" aria-label={t("theme")}>
      {THEMES.map((each) => (
        <button
          type="button"
          key={each}
          aria-pressed={theme.value === each}
          onClick={() => (theme.value = each)}
        >
          {t(each)}
        </button>
      ))}
    </div>
  );
}
