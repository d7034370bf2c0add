import { sameAgain, vary } from "../../actions/ask";
import { enlarge, useAsInput, useRecipe } from "../../actions/form";
import { copyRecipe, save, share } from "../../actions/saving/keep";
import { keepOnly, remove, removePicture } from "../../actions/remove";
import type { Job, Output } from "../../api/types";
import { favour, favourites } from "../../state/live/albums";
import { collecting, linking } from "../../state/page/overlays";
import { toast } from "../../state/page/toasts";
import { Icon, type IconName } from "../../ui/Icon";
import { sentence } from "../../ui/sentence";
import { Sheet } from "../../ui/sheets/Sheet";
import { t } from "../words";

export type Action = readonly [Parameters<typeof t>[0], IconName, (job: Job, output: Output) => unknown];

/** What is done most often, and stands on the card of one picture. */
export const FIRST: readonly Action[] = [
  ["again", "again", sameAgain],
  ["vary", "vary", vary],
  ["input", "image", (_, output) => useAsInput(output)],
  ["save", "download", (job, output) => save(output, job)],
];

const REST: readonly Action[] = [
  ["favourite", "star", (_, { id }) => favour([id], !favourites.peek().has(id)).catch((error: unknown) => toast(sentence(error, false)))],
  ["album", "album", (_, { id }) => (collecting.value = [id])],
  ["enlarge", "expand", enlarge],
  ["link", "link", (_, output) => (linking.value = output)],
  ["share", "share", (job, output) => share(output, job)],
  ["toForm", "edit", (job, output) => useRecipe(job, output)],
  ["recipe", "copy", copyRecipe],
];

const KEEP: Action = ["keepOnly", "check", keepOnly];

const OF_SEVERAL: readonly Action[] = [
  ["delete", "trash", removePicture],
  ["deleteAll", "trash", (job) => remove(job)],
];

const OF_ONE: readonly Action[] = [["delete", "trash", (job) => remove(job)]];

interface Props {
  job: Job;
  output: Output;
  /** Which of how many it is, as it is said. */
  title: string;
  close(): void;
}

/** All that can be done with one picture of a card. */
export function PictureSheet({ job, output, title, close }: Props) {
  const words = t as (key: Action[0]) => string;
  const all = job.outputs.length > 1 ? [KEEP, ...FIRST, ...REST, ...OF_SEVERAL] : [...FIRST, ...REST, ...OF_ONE];
  return (
    <Sheet title={title} close={close}>
      <div class="rest">
        {all.map(([name, icon, run]) => (
          <button
            key={name}
            type="button"
            onClick={() => {
              close();
              void run(job, output);
            }}
          >
            <Icon name={icon} />
            {words(name)}
          </button>
        ))}
      </div>
    </Sheet>
  );
}
