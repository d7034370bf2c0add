import { useComputed } from "@preact/signals";
import { useRef } from "preact/hooks";
import { remove } from "../../actions/remove";
import type { Job } from "../../api/types";
import { find, type LiveJob } from "../../state/live/jobs";
import { submit } from "../../state/live/outgoing";
import { twice } from "../../state/page/twice";
import { Icon } from "../../ui/Icon";
import { Film } from "../../walks/Film";
import { Actions } from "./Actions";
import { Cancel } from "../Cancel";
import { said } from "../../ui/said";
import { capital } from "../../ui/sentence";
import { edit } from "./edit";
import { Frame } from "./Frame";
import { enlargedTo, failure, titled } from "../sentence";
import { Standing } from "../Standing";
import { t } from "../words";

export function JobCard({ id }: { id: string }) {
  const live = find(id);
  return live ? <Card live={live} /> : null;
}

function Card({ live }: { live: LiveJob }) {
  const status = useComputed(() => live.job.value.status).value;
  const made = useComputed(() => live.job.value.outputs.length).value;
  const job = live.job.peek();
  const [title, enlarged] = [titled(job), enlargedTo(job)];
  const open = status === "queued" || status === "running";
  const ran = useRef(open).current;
  // One that ended shows what it has, and no empty places.
  const frames = Array.from({ length: job.input.count ?? 1 }, (_, index) => index).filter(
    (index) => open || job.outputs.some((each) => each.id === `${live.id}-${index}`),
  );
  return (
    <article class="card" data-status={status} aria-label={title}>
      {frames.length > 0 && (
        <div class="frames" data-count={Math.min(frames.length, 5)}>
          {frames.map((index) => (
            <Frame key={index} live={live} index={index} />
          ))}
        </div>
      )}
      <div class="below">
        <p class="words" dir="auto">{title}</p>
        {enlarged && enlarged !== title && <p class="muted">{enlarged}</p>}
        {made > 0 && <ReadAs job={job} />}
        {made > 0 && <Strangers job={job} />}
        {job.notes.map((note) => (
          <p class="muted" key={note.pointer + note.detail}>
            {capital(said(note.detail, note.wording))}
          </p>
        ))}
        {open && (
          <div class="under-way">
            <Standing live={live} />
            <Cancel id={live.id} />
          </div>
        )}
        {status === "succeeded" && <Film job={job} />}
        {status === "failed" && <Failed job={job} />}
        {status === "canceled" && <Canceled job={job} />}
        {!open && <Actions live={live} />}
        {/* Where its bar was, so that what somebody reads or taps below stays in its place. */}
        {status === "succeeded" && ran && made > 1 && <p class="under-way muted">{t("dots")}</p>}
      </div>
    </article>
  );
}

/** What the model's table of words made of the prompt, and a way to have it drawn without. */
function ReadAs({ job }: { job: Job }) {
  const read = job.outputs.find((each) => each.read_as)?.read_as;
  if (!read) return null;
  return (
    <p class="muted">
      {t("readAs", read)}{" "}
      <button type="button" class="link" onClick={() => twice(`as written ${job.id}`) || void submit({ ...job.input, as_written: true }, {}, job)}>
        {t("asWritten")}
      </button>
    </p>
  );
}

/** Words that say nothing to the model, so that nobody wonders where they are in the picture. */
function Strangers({ job }: { job: Job }) {
  const words = new Set(job.outputs.flatMap((each) => each.strangers ?? []));
  if (!words.size) return null;
  return <p class="muted">{t("strangers", job.input.model, [...words].join(", "))}</p>;
}

function Failed({ job }: { job: Job }) {
  return (
    <>
      <p class="error">{failure(job.error)}</p>
      <Repeat job={job} />
    </>
  );
}

function Canceled({ job }: { job: Job }) {
  return (
    <>
      <p class="muted">{t("canceled")}</p>
      <Repeat job={job} />
    </>
  );
}

function Repeat({ job }: { job: Job }) {
  if (job.outputs.length) return null;
  return (
    <div class="choices">
      <button type="button" onClick={() => twice(`retry ${job.id}`) || void submit({ ...job.input }, {}, job)}>
        <Icon name="again" />
        {t("retry")}
      </button>
      <button type="button" onClick={() => void edit(job)}>
        <Icon name="edit" />
        {t("edit")}
      </button>
      <button type="button" class="plain" aria-label={t("delete")} title={t("delete")} onClick={() => remove(job)}>
        <Icon name="trash" />
      </button>
    </div>
  );
}
