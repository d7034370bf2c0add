import { useEffect, useState } from "preact/hooks";
import { forward } from "../../api/models/anatomy";
import type { Forward } from "../../api/types";
import { number } from "../../i18n";
import { sentence } from "../../ui/sentence";
import { Curve } from "../draw/Curve";
import { Frame } from "../draw/Frame";
import { Story } from "../draw/Story";
import { Take, useSource } from "../draw/Source";
import { show, state } from "../state";
import { t } from "../words";

const TIMES = [10, 50, 100, 200, 300, 400, 500, 600, 700, 800, 900, 990];

/** Part 6: one step of training, on a real picture and with the real network. */
export function Taught() {
  const { picture, problem: missing, take } = useSource();
  const { prompt, model, time } = state.value;
  const [found, set] = useState<Forward | null>(null);
  const [problem, tell] = useState("");
  useEffect(() => {
    if (!picture) return;
    let here = true;
    tell("");
    const wish = { schedule: "model", timesteps: TIMES, space: "latents", way: "closed", prompt } as const;
    forward(picture, wish, model || undefined).then(
      (made) => here && set(made),
      (error: unknown) => here && tell(sentence(error)),
    );
    return () => void (here = false);
  }, [picture, model]);
  const at = TIMES.reduce((best, each, index) => (Math.abs(each - time) < Math.abs(TIMES[best]! - time) ? index : best), 0);
  const step = found?.steps[at];
  const predicted = step?.prediction;
  return (
    <Frame part="taught">
      <p>{t("story")}</p>
      <Story />
      <Take take={take} />
      <p class="error" role="alert">
        {problem || missing}
      </p>
      {!found && !problem && !missing && <p role="status">{t("waiting")}</p>}
      {found && step && predicted && (
        <>
          <label>
            <span>{t("atTime", TIMES[at]!)}</span>
            <input
              type="range"
              min={0}
              max={TIMES.length - 1}
              value={at}
              onInput={(event) => show({ time: TIMES[Number(event.currentTarget.value)]! })}
            />
          </label>
          <div class="panels">
            {(
              [
                [found.picture, t("picture"), false],
                [predicted.added, t("added"), true],
                [step.closed?.picture, t("noisy"), true],
                [predicted.noise, t("predicted"), true],
                [predicted.x0_picture, t("without"), false],
              ] as const
            ).map(
              ([each, label, latents]) =>
                each && (
                  <figure key={label}>
                    <img class={latents ? "latents" : ""} src={each} alt={label} />
                    <figcaption>{label}</figcaption>
                  </figure>
                ),
            )}
          </div>
          <p>{t("loss", number(predicted.loss, 3))}</p>
          <Curve
            lines={[{ name: t("losses"), values: found.steps.map((each) => each.prediction?.loss ?? 0) }]}
            at={at / (TIMES.length - 1)}
            label={t("losses")}
            from="10"
            to="990"
          />
        </>
      )}
    </Frame>
  );
}
