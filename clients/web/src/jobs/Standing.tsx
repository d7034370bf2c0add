import { useRef } from "preact/hooks";
import { percent } from "../api/images";
import { leftOf, type LiveJob } from "../state/live/jobs";
import { Pace } from "./pace";
import { waiting, working } from "./sentence";
import { t } from "./words";

/** How a job that has not ended stands. Drawn again with every step, and nothing else with it. */
export function Standing({ live }: { live: LiveJob }) {
  const pace = useRef(new Pace());
  const job = live.job.value;
  if (job.status === "queued") return <p class="standing">{waiting(job)}</p>;
  const { progress } = job;
  const made = progress?.fraction ?? 0;
  const now = performance.now();
  const own = progress ? pace.current.left(made, now) : null;
  const left = leftOf(live, now) ?? own;
  return (
    <div class="standing">
      <p>{working(progress, left, job.input.count)}</p>
      <progress aria-label={t("progress")} max={100} {...(progress ? { value: percent(progress) } : {})} />
    </div>
  );
}
