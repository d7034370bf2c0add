import { useId } from "preact/hooks";
import { number, dimensions } from "../../i18n";
import { change, draft, inPixels } from "../../state/form/draft";
import { KNOWN, ownUpscaler, timesChosen, timesOf } from "../../state/form/enlarge";
import type { Input } from "../../state/form/input";
import { model } from "../../state/form/models";
import { mend } from "../../state/form/problems";
import { useProblem } from "../problems";
import { Choice } from "../settings/Choice";
import { StrengthField } from "../settings/StrengthField";
import { t } from "../words";
import { NO_ROOM, stuck } from "./noRoom";

/** What is painted anew at first where the user wants more than a larger picture. */
const SOME = 0.35;

/** How far a picture is enlarged, by what, and whether anything in it is painted anew. */
export function Enlarge({ source }: { source: Input }) {
  const name = useId();
  const chosen = model.value;
  const problem = useProblem(["/scale", "/width", "/height"]);
  const { scale, upscaler, strength } = draft.value;
  if (!chosen) return null;
  const from = inPixels(source, chosen, draft.value);
  const all = timesOf(from, chosen, !!strength);
  const times = timesChosen(scale, from, chosen, !!strength);
  const own = ownUpscaler(chosen);
  return (
    <>
      <fieldset class="field">
        <legend>
          {all.length ? t("enlargeBy") : t("upscale")}{" "}
          {all.length > 0 && <b>{dimensions(Math.round(from.width * times), Math.round(from.height * times))}</b>}
        </legend>
        <div class="uses">
          {all.map((each) => (
            <label key={each} class="use">
              <input
                type="radio"
                class="unseen"
                name={name}
                checked={each === times}
                onChange={() => {
                  mend("/scale", "/width", "/height");
                  change({ scale: each });
                }}
              />
              {t(each === all.at(-1) && !KNOWN.includes(each) ? "timesMost" : "times", number(each, 2))}
            </label>
          ))}
        </div>
        {stuck.value && !problem && (
          <p class="muted" id={NO_ROOM}>
            {stuck.value}
          </p>
        )}
        {problem && (
          <p class="error" role="alert">
            {problem}
          </p>
        )}
      </fieldset>
      {chosen.upscalers.length > 0 && (
        <Choice
          label={t("upscaler")}
          pointer="/upscaler"
          value={upscaler ?? own}
          options={[
            ...chosen.upscalers.map((each) => ({ value: each.name, text: each.title || each.name })),
            { value: "lanczos", text: t("plainly") },
          ]}
          change={(value) => change({ upscaler: value === own ? null : value })}
        />
      )}
      {/* A model that draws well at some sizes only paints nothing at others. */}
      {!chosen.sizes.length && (
        <>
          <label class="check">
            <input
              type="checkbox"
              checked={!strength}
              onChange={(event) => {
                // What is only enlarged may grow further.
                mend("/scale", "/width", "/height");
                change({ strength: event.currentTarget.checked ? null : SOME });
              }}
            />
            {t("onlyEnlarge")}
          </label>
          {!!strength && <StrengthField value={strength} />}
        </>
      )}
    </>
  );
}
