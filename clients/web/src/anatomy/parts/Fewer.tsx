import { useState } from "preact/hooks";
import { source } from "../../api/images";
import type { Job } from "../../api/types";
import { model, samplers } from "../../state/models";
import { sentence } from "../../ui/sentence";
import { asked } from "../asked";
import { Frame } from "../draw/Frame";
import { made } from "../run";
import { show, state } from "../state";
import { t } from "../words";

const COUNTS = [1, 2, 4, 8, 16, 50];

/** Part 5: the same noise in more and more steps, by two samplers. */
export function Fewer() {
  const { prompt } = state.value;
  const offered = model.value?.samplers ?? [];
  const names = samplers.value.filter((each) => offered.includes(each.name));
  const [ways, choose] = useState<readonly string[]>([]);
  const [found, set] = useState<Readonly<Record<string, Job>>>({});
  const [busy, work] = useState(false);
  const [problem, tell] = useState("");
  const usual = names.some((each) => each.name === "euler") ? ["ddim", "dpmpp_2m"] : names.slice(0, 2).map((each) => each.name);
  const two = [0, 1].map((index) => ways[index] ?? usual[index] ?? "euler");
  const strip = async () => {
    // From the noisiest timestep on, in one step as well.
    const now = { ...state.peek(), image: "", schedule: "sgm_uniform" };
    work(true);
    tell("");
    set({});
    const each = two.flatMap((sampler) => COUNTS.map((steps) => ({ sampler, steps })));
    const tries = each.map(({ sampler, steps }) =>
      made(asked({ ...now, sampler, steps })).then(
        (job) => set((earlier) => ({ ...earlier, [`${sampler} ${steps}`]: job })),
        (error: unknown) => tell(sentence(error)),
      ),
    );
    await Promise.all(tries);
    work(false);
  };
  return (
    <Frame part="fewer">
      <label>
        {t("prompt")}
        <input type="text" value={prompt} onInput={(event) => show({ prompt: event.currentTarget.value, image: "" })} />
      </label>
      <div class="row">
        {two.map((chosen, index) => (
          <label key={index}>
            {t("sampler")} {index + 1}
            <select
              value={chosen}
              onChange={(event) => {
                const value = event.currentTarget.value;
                choose(two.map((each, place) => (place === index ? value : each)));
              }}
            >
              {names.map((each) => (
                <option key={each.name} value={each.name}>
                  {each.title}
                </option>
              ))}
            </select>
          </label>
        ))}
      </div>
      <button type="button" class="primary" disabled={busy} onClick={() => void strip()}>
        {t(busy ? "waiting" : "strip")}
      </button>
      <p class="error" role="alert">
        {problem}
      </p>
      {two.map((sampler, index) => (
        <section key={`${sampler}${index}`}>
          <h3>{names.find((each) => each.name === sampler)?.title ?? sampler}</h3>
          <div class="strip" tabIndex={0} role="region" aria-label={sampler}>
            {COUNTS.map((steps) => {
              const output = found[`${sampler} ${steps}`]?.outputs[0];
              return (
                <figure key={steps}>
                  {output ? <img src={source(output)} alt={t("inSteps", steps)} /> : <div class="none" />}
                  <figcaption>{t("inSteps", steps)}</figcaption>
                </figure>
              );
            })}
          </div>
        </section>
      ))}
    </Frame>
  );
}
