import { useState } from "preact/hooks";
import { source } from "../../api/images";
import type { Job, Walk } from "../../api/types";
import { model, samplers, schedules } from "../../state/form/models";
import { sentence } from "../../ui/sentence";
import { caption } from "../../walks/caption";
import { Film } from "../../walks/Film";
import { t as walks } from "../../walks/words";
import { asked } from "../asked";
import { Frame } from "../draw/Frame";
import { Pair, type Named } from "../draw/Pair";
import { made } from "../run";
import { OVERS, show, state } from "../state";
import { t } from "../words";

/** Pictures between two prompts or two seeds: as many as stand beside each other on a phone. */
const FRAMES = 6;

/** From the noisiest timestep on, in one step as well. */
const WHOLE_WAY = "sgm_uniform";

/** Part 5: the same noise in more and more steps, by two samplers; and the other walks. */
export function Fewer() {
  const { prompt, other, seed, otherSeed, over } = state.value;
  const [ways, choose] = useState<readonly string[]>([]);
  const [spacings, space] = useState<readonly string[]>([]);
  const [found, set] = useState<readonly (Job | undefined)[]>([]);
  const [busy, work] = useState(false);
  const [problem, tell] = useState("");
  const solvers = offered(samplers.value, model.value?.samplers);
  const two = chosen(ways, solvers, ["ddim", "dpmpp_2m"]);
  const lines = offered(schedules.value, model.value?.schedules).map(({ name, label }) => ({ name, title: label }));
  const twoLines = chosen(spacings, lines, ["uniform", "karras"]);

  const go = async () => {
    const now = asked({ ...state.peek(), image: "" });
    const walk = (of: Walk, more: object = {}) => ({ ...now, ...more, kind: "walk" as const, walk: of });
    const wishes = {
      steps: () => two.map((sampler) => walk({ over }, { sampler, schedule: WHOLE_WAY })),
      samplers: () => [walk({ over, samplers: two })],
      schedules: () => [walk({ over, schedules: twoLines }, { sampler: two[1] })],
      prompts: () => [walk({ over, prompt: other, frames: FRAMES })],
      seeds: () => [walk({ over, seed: otherSeed, frames: FRAMES })],
      words: () => [walk({ over })],
    };
    work(true);
    tell("");
    set([]);
    const tries = wishes[over]().map((wish, index) =>
      made(wish, (job) => set((jobs) => put(jobs, index, job))).then(
        (job) => set((jobs) => put(jobs, index, job)),
        (error: unknown) => tell(sentence(error)),
      ),
    );
    await Promise.all(tries);
    work(false);
  };
  const choice = (next: Walk["over"]) => {
    set([]);
    show({ over: next });
  };
  return (
    <Frame part="fewer">
      <label>
        {t("changes")}
        <select value={over} onChange={(event) => choice(event.currentTarget.value as Walk["over"])}>
          {OVERS.map((each) => (
            <option key={each} value={each}>
              {walks(each)}
            </option>
          ))}
        </select>
      </label>
      <label>
        {t("prompt")}
        <input type="text" dir="auto" value={prompt} onInput={(event) => show({ prompt: event.currentTarget.value, image: "" })} />
      </label>
      {over === "prompts" && (
        <label>
          {t("otherPrompt")}
          <input type="text" dir="auto" value={other} onInput={(event) => show({ other: event.currentTarget.value })} />
        </label>
      )}
      {over === "seeds" && (
        <div class="row">
          <Seed label={t("seed")} value={seed} change={(value) => show({ seed: value, image: "" })} />
          <Seed label={t("otherSeed")} value={otherSeed} change={(value) => show({ otherSeed: value })} />
        </div>
      )}
      {(over === "steps" || over === "samplers") && <Pair label={t("sampler")} all={solvers} two={two} choose={choose} />}
      {over === "schedules" && <Pair label={t("schedule")} all={lines} two={twoLines} choose={space} />}
      <button type="button" class="primary" disabled={busy} onClick={() => void go()}>
        {t(busy ? "waiting" : "strip")}
      </button>
      <p class="error" role="alert">
        {problem}
      </p>
      {found.map((job) => job && <Walked key={job.id} job={job} titled={over === "steps" ? solvers : []} />)}
    </Frame>
  );
}

/** The pictures of a walk as they come, side by side. */
function Walked({ job, titled }: { job: Job; titled: readonly Named[] }) {
  const title = titled.find((each) => each.name === job.input.sampler)?.title;
  const places = Array.from({ length: job.input.count }, (_, index) => job.outputs.find((each) => each.id === `${job.id}-${index}`));
  return (
    <section>
      {title && <h3>{title}</h3>}
      <div class="strip" tabIndex={0} role="region" aria-label={title ?? walks("strip")}>
        {places.map((output, index) => (
          <figure key={index}>
            {output ? <img src={source(output)} alt={caption(job, output)} /> : <div class="none" />}
            <figcaption>{output && caption(job, output)}</figcaption>
          </figure>
        ))}
      </div>
      {job.error && <p class="error">{job.error.detail}</p>}
      <Film job={job} />
    </section>
  );
}

function Seed({ label, value, change }: { label: string; value: number; change(value: number): void }) {
  return (
    <label>
      {label}
      <input type="number" min={0} max={4294967295} value={value} onInput={(event) => change(Number(event.currentTarget.value))} />
    </label>
  );
}

/** Of all that there is, what the model takes. */
function offered<T extends { name: string }>(all: readonly T[], names: readonly string[] = []): readonly T[] {
  return all.filter((each) => names.includes(each.name));
}

/** The two that were chosen, or the usual ones, or the first two. */
function chosen(ways: readonly string[], all: readonly Named[], usual: readonly [string, string]): string[] {
  const known = usual.every((name) => all.some((each) => each.name === name));
  const first = known ? usual : all.slice(0, 2).map((each) => each.name);
  return [0, 1].map((index) => ways[index] ?? first[index] ?? first[0] ?? "euler");
}

function put(jobs: readonly (Job | undefined)[], index: number, job: Job): (Job | undefined)[] {
  const next = [...jobs];
  next[index] = job;
  return next;
}
