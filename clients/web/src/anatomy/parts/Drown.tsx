import { useEffect, useState } from "preact/hooks";
import { forward } from "../../api/models/anatomy";
import type { Forward } from "../../api/types";
import { number } from "../../i18n";
import { sentence } from "../../ui/sentence";
import { Curve } from "../draw/Curve";
import { Frame } from "../draw/Frame";
import { Take, useSource } from "../draw/Source";
import { show, state } from "../state";
import { t } from "../words";

const SCHEDULES = ["linear", "scaled_linear", "squaredcos_cap_v2"] as const;

const TIMES = [0, 50, 100, 200, 300, 400, 500, 600, 700, 800, 900, 999];

/** Part 2: a photo in noise, by three schedules, at once and step by step. */
export function Drown() {
  const { picture, problem: missing, take } = useSource();
  const [drowned, set] = useState<readonly Forward[]>([]);
  const [problem, tell] = useState("");
  const { time } = state.value;
  useEffect(() => {
    if (!picture) return;
    let here = true;
    set([]);
    tell("");
    void (async () => {
      for (const schedule of SCHEDULES) {
        const found = await forward(picture, { schedule, timesteps: TIMES, space: "pixels", way: "both" });
        if (!here) return;
        set((earlier) => [...earlier, found]);
      }
    })().catch((error: unknown) => here && tell(sentence(error)));
    return () => void (here = false);
  }, [picture]);
  const at = TIMES.reduce((best, each, index) => (Math.abs(each - time) < Math.abs(TIMES[best]! - time) ? index : best), 0);
  return (
    <Frame part="drown">
      <Take take={take} />
      <p class="error" role="alert">
        {problem || missing}
      </p>
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
      <div class="schedules">
        {drowned.map((each) => {
          const step = each.steps[at];
          const closed = step?.closed;
          const stepwise = step?.stepwise;
          if (!closed || !stepwise) return null;
          const should = number(step.variance ** 0.5, 3);
          return (
            <section key={each.schedule}>
              <h3>{t(each.schedule as (typeof SCHEDULES)[number])}</h3>
              <div class="panels two">
                {([closed, stepwise] as const).map((one, index) => {
                  const label = t(index ? "stepwise" : "closed");
                  return (
                    <figure key={label}>
                      <img src={one.picture} alt={label} />
                      <figcaption>
                        {label}
                        <br />
                        <span class="muted">{t("measured", number(one.noise_deviation, 3), should)}</span>
                      </figcaption>
                    </figure>
                  );
                })}
              </div>
            </section>
          );
        })}
      </div>
      {drowned.length < SCHEDULES.length && !problem && !missing && (
        <p role="status">{t("scheduleOf", drowned.length + 1, SCHEDULES.length)}</p>
      )}
      {drowned.length > 0 && (
        <Curve
          lines={drowned.map((each) => ({
            name: t(each.schedule as (typeof SCHEDULES)[number]),
            values: each.curve.signal.map((signal) => signal ** 2),
          }))}
          at={TIMES[at]! / 999}
          label={t("share")}
          from="0"
          to="999"
        />
      )}
      {drowned.length > 0 && <p class="muted">{t("share")}</p>}
    </Frame>
  );
}
