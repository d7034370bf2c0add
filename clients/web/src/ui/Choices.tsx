import { file, LANGUAGES, language, speak, words } from "../i18n";
import { toast } from "../state/page/toasts";
import "./choices.css";
import { theme, type Theme } from "./theme";

const t = words("ui/Choices", {
  en: { language: "Language", theme: "Colours", system: "System", dark: "Dark", light: "Light", byMachine: "Translated by a machine; nobody has read it over yet.", noLanguage: (name: string) => `${name} did not come. Is the server there?` },
  vi: { language: "Ngôn ngữ", theme: "Màu sắc", system: "Hệ thống", dark: "Tối", light: "Sáng", byMachine: "Bản dịch do máy làm; chưa có ai đọc lại.", noLanguage: (name: string) => `Không tải được ${name}. Máy chủ có đang chạy không?` },
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
    <>
      <div class="choice" role="group" aria-label={t("language")}>
        {Object.entries(LANGUAGES).map(([code, name]) => (
          <button
            type="button"
            key={code}
            lang={code}
            aria-pressed={language.value === code}
            onClick={() => void speak(code).catch(() => toast(t("noLanguage", name)))}
          >
            {name}
          </button>
        ))}
      </div>
      {file.value?.machine && <p class="muted">{t("byMachine")}</p>}
    </>
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
