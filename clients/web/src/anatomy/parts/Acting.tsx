import { useRef } from "preact/hooks";
import { acted, decoded } from "../../api/models/anatomy";
import type { Job, Trace } from "../../api/types";
import { sentence } from "../../ui/sentence";
import { Lit, usePicture } from "../draw/Cell";
import { MAPS, show, state } from "../state";
import { t } from "../words";

/** Milliseconds that a pointer rests on a word before the network is asked. */
const REST = 200;

/** Where a pointer hovers it has chosen a word before it clicks. */
const HOVERS = matchMedia("(hover: hover)");

/** Words to tap, and where they acted or were looked at, over the clean guess and the picture. */
export function Acting({ job, url, trace, at }: { job: Job; url: string; trace: Trace; at: number }) {
  const { word, map } = state.value;
  const rest = useRef<ReturnType<typeof setTimeout>>(undefined);
  const looks = trace.sheets.attention;
  const chosen = trace.words[word] ? word : -1;
  const looking = map === "looked" && looks;
  const address = chosen < 0 ? null : looking ? looks : acted(url, chosen);
  const { image, waiting, problem } = usePicture(address);
  const place = looking ? { column: chosen, row: at, size: trace.size } : { column: at, row: 0, size: trace.size };
  // What is left of another word's map would say of this one what is not so.
  const sheet = address && !waiting ? image : null;
  const output = job.outputs.find((each) => each.id === `${job.id}-${trace.index}`);
  const choose = (index: number) => {
    clearTimeout(rest.current);
    show({ word: index });
  };
  return (
    <>
      {trace.words.length === 0 && <p class="muted">{t("noWords")}</p>}
      {trace.words.length > 0 && (
        <>
          <div class="chips" role="group" aria-label={t("wordsHelp")}>
            {trace.words.map((each, index) => (
              <button
                type="button"
                key={index}
                aria-pressed={index === chosen}
                onPointerEnter={(event) => {
                  if (event.pointerType !== "mouse" || index === chosen) return;
                  rest.current = setTimeout(choose, REST, index);
                }}
                onPointerLeave={() => clearTimeout(rest.current)}
                onClick={() => choose(index === chosen && !HOVERS.matches ? -1 : index)}
              >
                {each.text}
              </button>
            ))}
          </div>
          {looks && (
            <div class="row" role="group" aria-label={t("maps")}>
              {MAPS.map((each) => (
                <button type="button" key={each} aria-pressed={each === map} onClick={() => show({ map: each })}>
                  {t(`map-${each}`)}
                </button>
              ))}
            </div>
          )}
          <p class="muted" role="status">
            {chosen < 0 ? t("wordsHelp") : waiting ? t("asking") : t(looking ? "says-looked" : "says-acted", trace.words[chosen]!.text)}
          </p>
          {problem !== null && (
            <p class="error" role="alert">
              {t("notTold")} {sentence(problem)}
            </p>
          )}
        </>
      )}
      <div class="panels two">
        <figure>
          <Lit under={decoded(url, "x0", trace.steps[at]!.step)} sheet={sheet} place={place} label={t("whatIf")} />
          <figcaption>{t("whatIf")}</figcaption>
        </figure>
        {output && (
          <figure>
            <Lit under={output.url} sheet={sheet} place={place} label={t("final")} />
            <figcaption>{t("final")}</figcaption>
          </figure>
        )}
      </div>
    </>
  );
}
