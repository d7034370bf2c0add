import { useEffect, useState } from "preact/hooks";
import { trace as readTrace } from "../../api/models/anatomy";
import { Refused } from "../../api/errors";
import { read as readJob } from "../../api/jobs";
import type { Job, JobRequest, Trace } from "../../api/types";
import { number } from "../../i18n";
import { alone } from "../../state/live/alone";
import { route } from "../../state/page/route";
import { tracedSteps } from "../../state/live/traces";
import { Icon } from "../../ui/Icon";
import { sentence } from "../../ui/sentence";
import { asked } from "../asked";
import { Cell } from "../draw/Cell";
import { Curve } from "../draw/Curve";
import { Frame } from "../draw/Frame";
import { made } from "../run";
import { show, state, type State } from "../state";
import { t } from "../words";
import { Acting } from "./Acting";
import { Recipe } from "./Recipe";

/** Milliseconds that a step is shown for while it plays. */
const PACE = 450;

/** A traced picture: its job, and what was kept. */
interface Looked {
  job: Job;
  url: string;
  trace: Trace;
}

/** Part 1: a picture, step by step. */
export function Steps() {
  const [looked, set] = useState<Looked | null>(null);
  const [plain, setPlain] = useState<Looked | null>(null);
  const [guided, guide] = useState(true);
  const [problem, tell] = useState("");
  const [working, work] = useState("");
  const look = async (wanted: State, unguided = false) => {
    tell("");
    try {
      const found = await traced(wanted, unguided, (job) => work(job.id));
      if (unguided) setPlain(found);
      else {
        set(found);
        setPlain(null);
        guide(true);
      }
    } catch (error) {
      tell(error instanceof Failed ? error.message : sentence(error));
    } finally {
      work("");
    }
  };
  useEffect(() => {
    // A link, or a picture, leads to something; nobody asked for anything by looking in.
    if (/prompt|image|step|seed/.test(route.peek().open ?? "")) void look(state.peek());
  }, []);
  const shown = guided ? looked : (plain ?? looked);
  return (
    <Frame part="steps">
      <Recipe run={() => void look({ ...state.peek(), image: "" })} busy={!!working} label={t("run")} />
      <p class="error" role="alert">
        {problem}
      </p>
      {working && <Coming job={working} />}
      {shown && <Inside looked={shown} />}
      {looked?.trace.sheets.difference && (
        <div class="row" role="group" aria-label={t("guidance")}>
          <button type="button" aria-pressed={guided} onClick={() => guide(true)}>
            {t("guidanceOn")}
          </button>
          <button
            type="button"
            aria-pressed={!guided}
            onClick={() => {
              guide(false);
              if (!plain) void look(state.peek(), true).then(() => guide(false));
            }}
          >
            {t("guidanceOff")}
          </button>
        </div>
      )}
    </Frame>
  );
}

class Failed extends Error {}

/** The trace of what the state asks for: of the picture that led here, or of one that is made. */
async function traced(wanted: State, unguided: boolean, begun: (job: Job) => void): Promise<Looked> {
  let request: JobRequest = asked(wanted);
  if (wanted.image) {
    const of = await readJob(wanted.image.split("-")[0]!);
    const known = of.traces.find((each) => each.image === wanted.image);
    if (known && !unguided) return { job: of, url: known.url, trace: await readTrace(known.url) };
    const output = of.outputs.find((each) => each.id === wanted.image);
    if (!output) throw new Failed(t("gone"));
    request = { ...(alone(of, output).input as JobRequest), seed: output.seed, count: 1 };
  }
  if (unguided) request = { ...request, guidance_scale: 1 };
  const job = await made({ ...request, trace: true }, begun).catch((error: unknown) => {
    // Words that change from step to step, or that AND joins, have no places to be looked at.
    if (!(error instanceof Refused) || !error.fields.some(({ pointer }) => pointer === "/trace")) throw error;
    return made({ ...request, trace: { attention: "none" } }, begun);
  });
  const [first] = job.traces;
  if (!first) throw new Failed(job.error?.detail ?? t("failed"));
  return { job, url: first.url, trace: await readTrace(first.url) };
}

/** The steps as they come. */
function Coming({ job }: { job: string }) {
  const steps = tracedSteps.value.filter((each) => each.job === job);
  const last = steps.at(-1);
  return (
    <div role="status">
      <p class="muted">{t("waiting")}</p>
      {last && (
        <div class="panels">
          <figure>
            <img class="latents" src={last.x} alt={t("noisy")} />
            <figcaption>{t("noisy")}</figcaption>
          </figure>
          <figure>
            <img class="latents" src={last.x0} alt={t("clean")} />
            <figcaption>{t("clean")}</figcaption>
          </figure>
        </div>
      )}
    </div>
  );
}

function Inside({ looked: { job, url, trace } }: { looked: Looked }) {
  const { step } = state.value;
  const [playing, play] = useState(false);
  const count = trace.steps.length;
  const at = Math.min(Math.max(0, step), count - 1);
  const here = trace.steps[at];
  useEffect(() => {
    if (!playing) return;
    const timer = setTimeout(() => {
      if (at + 1 < count) show({ step: at + 1 });
      else play(false);
    }, PACE);
    return () => clearTimeout(timer);
  }, [playing, at, count]);
  if (!here) return <p class="error">{t(trace.left_out ? "allLeftOut" : "noSteps")}</p>;
  const { x, noise, x0, difference } = trace.sheets;
  const panels = [
    [x, t("noisy")],
    [noise, t("noise")],
    [x0, t("clean")],
    [difference, t("differs")],
  ] as const;
  return (
    <section class="inside">
      {trace.left_out > 0 && <p class="muted">{t("leftOut", trace.left_out)}</p>}
      <div class="player">
        <button
          type="button"
          aria-label={t(playing ? "pause" : "play")}
          onClick={() => {
            if (!playing && at + 1 >= count) show({ step: 0 });
            play(!playing);
          }}
        >
          <Icon name={playing ? "minus" : "play"} />
        </button>
        <label>
          <span>{t("stepOf", here.step + 1, stepsOf(trace))}</span>
          <input
            type="range"
            min={0}
            max={count - 1}
            value={at}
            onInput={(event) => {
              play(false);
              show({ step: Number(event.currentTarget.value) });
            }}
          />
        </label>
      </div>
      <p class="muted figures">
        {t("figures", number(here.sigma, 2), number(here.alpha_bar, 3), number(here.timestep, 0))}
      </p>
      <div class="panels">
        {panels.map(
          ([each, label]) =>
            each && (
              <figure key={label}>
                <Cell url={each} column={at} size={trace.size} label={label} />
                <figcaption>{label}</figcaption>
              </figure>
            ),
        )}
      </div>
      <Acting key={url} job={job} url={url} trace={trace} at={at} />
      <Curve
        lines={[{ name: t("sigma"), values: trace.steps.map((each) => each.sigma) }]}
        at={count > 1 ? at / (count - 1) : 0}
        log
        label={t("sigma")}
        from={t("noiseFrom")}
        to={t("noiseTo")}
      />
    </section>
  );
}

/** How many steps there were, those that were left out as well. */
function stepsOf({ steps, left_out }: Trace): number {
  return Math.max(steps.length + left_out, (steps.at(-1)?.step ?? 0) + 1);
}
