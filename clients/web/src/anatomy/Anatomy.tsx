import { useEffect, useRef } from "preact/hooks";
import { copy } from "../browser";
import { file, language, number, words } from "../i18n";
import { directionOf } from "../i18n/direction";
import { route } from "../state/page/route";
import { toast } from "../state/page/toasts";
import { Icon } from "../ui/Icon";
import "./anatomy.css";
import { Drown } from "./parts/Drown";
import { Fewer } from "./parts/Fewer";
import { Steps } from "./parts/Steps";
import { Taught } from "./parts/Taught";
import { Words } from "./parts/Words";
import { Worlds } from "./parts/Worlds";
import { follow, link, PARTS, show, state, type Part } from "./state";
import { t } from "./words";

/** Said where the language has the rest of the page and not this room. */
const lacking = words("anatomy/Anatomy", {
  en: { english: "This room is in English so far." },
  vi: { english: "Phần này hiện chỉ có tiếng Anh." },
});

const SHOWN: Record<Part, () => preact.JSX.Element> = {
  steps: Steps,
  drown: Drown,
  worlds: Worlds,
  words: Words,
  fewer: Fewer,
  taught: Taught,
};

/** How a picture comes about, in six parts; the address says what is shown. */
export function Anatomy() {
  const { open } = route.value;
  useEffect(follow, [open]);
  const { part, lesson } = state.value;
  const parts = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // On a phone they are more than the screen is wide.
    parts.current!.querySelector("[aria-pressed=true]")!.scrollIntoView({ inline: "center", block: "nearest" });
  }, [part]);
  const Shown = SHOWN[part];
  const english = file.value !== null && !file.value.messages.anatomy;
  return (
    <div class="anatomy-room" lang={english ? "en" : undefined} dir={english ? "ltr" : undefined}>
      {english && (
        <p class="muted" lang={language.value} dir={directionOf(language.value)}>
          {lacking("english")}
        </p>
      )}
      <header>
        <p class="muted">{t("intro")}</p>
        <div class="row">
          <button type="button" aria-pressed={lesson} onClick={() => show({ lesson: !lesson })}>
            {t("lesson")}
          </button>
          <button
            type="button"
            onClick={() => void link().then(copy).catch(() => false).then((done) => toast(t(done ? "copied" : "failed")))}
          >
            <Icon name="copy" />
            {t("copyLink")}
          </button>
        </div>
      </header>
      <div ref={parts} class="choice" role="group" aria-label={t("parts")}>
        {PARTS.map((each, index) => (
          <button type="button" key={each} aria-pressed={each === part} onClick={() => show({ part: each })}>
            {number(index + 1)}. {t(`title-${each}`)}
          </button>
        ))}
      </div>
      <Shown key={part} />
    </div>
  );
}
