import { useRef } from "preact/hooks";
import { percent } from "../api/images";
import { comma, one } from "../i18n";
import { leftOf, type LiveJob } from "../state/live/jobs";
import { Pace } from "./pace";
import { waiting, working } from "./sentence";
import { t } from "./words";

/** How a job that has not ended stands. Drawn again with every step, and nothing else with it. */
export function Standing({ live }: { live: LiveJob }) {
  const pace = useRef(new Pace());
  const job = live.job.value;
  if (job.status === "queued") {
    return (
      <div class="standing">
        <Words of={waiting(job)} />
      </div>
    );
  }
  const { progress } = job;
  const made = progress?.fraction ?? 0;
  const now = performance.now();
  const own = progress ? pace.current.left(made, now) : null;
  const left = leftOf(live, now) ?? own;
  return (
    <div class="standing">
      <Words of={working(progress, left, job.input.count)} />
      <progress aria-label={t("progress")} max={100} {...(progress ? { value: percent(progress) } : {})} />
    </div>
  );
}

/** On one line where there is little room; then the stage is cut, and the time is not. */
function Words({ of: [stage, time] }: { of: [string, string?] }) {
  return (
    <p>
      <span class="stage">{one(stage)}</span>
      {time && (
        <span class="time">
          <span class="comma">{comma()}</span>
          {one(time)}
        </span>
      )}
    </p>
  );
}
