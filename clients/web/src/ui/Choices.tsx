import { LANGUAGES, language, speak, words, type Language } from "../i18n";
import "./choices.css";
import { theme, type Theme } from "./theme";

const t = words({
  en: { language: "Language", theme: "Colours", system: "System", dark: "Dark", light: "Light" },
  vi: { language: "Ngôn ngữ", theme: "Màu sắc", system: "Hệ thống", dark: "Tối", light: "Sáng" },
});

/** How the page looks and speaks, each choice under its name. */
export function Appearance() {
  return (
    <>
      <h3>{t("language")}</h3>
      <Languages />
      <h3>{t("theme")}</h3>
      <Themes />
    </>
  );
}

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

function Themes() {
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
