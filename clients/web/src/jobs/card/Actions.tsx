import { useSignal } from "@preact/signals";
import type { LiveJob } from "../../state/live/jobs";
import { Icon } from "../../ui/Icon";
import { FIRST, PictureSheet, type Action } from "./PictureSheet";
import { named } from "../sentence";
import { t } from "../words";

/** What can be done with the picture of a card; where there are several, each has its own. */
export function Actions({ live }: { live: LiveJob }) {
  const more = useSignal(false);
  const job = live.job.value;
  const [output] = job.outputs;
  if (!output || job.outputs.length > 1) return null;
  const words = t as (key: Action[0]) => string;
  return (
    <>
      <div class="actions captioned">
        {FIRST.map(([name, icon, run]) => (
          <button key={name} type="button" class="plain" onClick={() => void run(job, output)}>
            <Icon name={icon} />
            {words(name)}
          </button>
        ))}
        <button type="button" class="plain" aria-haspopup="dialog" onClick={() => (more.value = true)}>
          <span class="dots" aria-hidden="true" />
          {t("more")}
        </button>
      </div>
      {more.value && <PictureSheet job={job} output={output} title={named(job.input.prompt)} close={() => (more.value = false)} />}
    </>
  );
}
