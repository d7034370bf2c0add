import { useSignal } from "@preact/signals";
import { sameAgain, vary } from "../actions/ask";
import { useAsInput } from "../actions/form";
import { copyRecipe, save, share } from "../actions/keep";
import { remove } from "../actions/remove";
import type { Job, Output } from "../api/types";
import type { LiveJob } from "../state/jobs";
import { Icon, type IconName } from "../ui/Icon";
import { Sheet } from "../ui/Sheet";
import { t } from "./words";

type Action = readonly [Parameters<typeof t>[0], IconName, (job: Job, output: Output) => unknown];

/** What is done most often stands on the card. */
const FIRST: readonly Action[] = [
  ["again", "again", sameAgain],
  ["vary", "vary", vary],
  ["input", "image", (_, output) => useAsInput(output)],
  ["save", "download", (job, output) => save(output, job)],
];

const REST: readonly Action[] = [
  ["share", "share", (job, output) => share(output, job)],
  ["recipe", "copy", copyRecipe],
  ["delete", "trash", (job) => remove(job)],
];

/** What can be done with a job's picture; with several, each has all of it where it is opened. */
export function Actions({ live }: { live: LiveJob }) {
  const more = useSignal(false);
  const job = live.job.value;
  if (!job.outputs.length) return null;
  // The addresses of pictures are renewed now and then: those of this moment.
  const act = (run: Action[2]) => {
    const { value } = live.job;
    void run(value, value.outputs[0]!);
  };
  const words = t as (key: Action[0]) => string;
  return (
    <div class="actions">
      {FIRST.map(([name, icon, run]) => (
        <button key={name} type="button" class="plain" aria-label={words(name)} title={words(name)} onClick={() => act(run)}>
          <Icon name={icon} />
        </button>
      ))}
      <button type="button" class="plain" aria-haspopup="dialog" aria-label={t("more")} title={t("more")} onClick={() => (more.value = true)}>
        <span class="dots" aria-hidden="true" />
      </button>
      {more.value && (
        <Sheet title={job.input.prompt || t("picture")} close={() => (more.value = false)}>
          <div class="rest">
            {[...FIRST, ...REST].map(([name, icon, run]) => (
              <button
                key={name}
                type="button"
                onClick={() => {
                  more.value = false;
                  act(run);
                }}
              >
                <Icon name={icon} />
                {words(name === "delete" && job.outputs.length > 1 ? "deleteAll" : name)}
              </button>
            ))}
          </div>
        </Sheet>
      )}
    </div>
  );
}
