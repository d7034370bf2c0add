import { useSignal } from "@preact/signals";
import { opened } from "../../actions/take";
import { source } from "../../api/images";
import type { Given } from "../../state/form/input";
import { find, ids, loadOlder, more } from "../../state/live/jobs";
import { Icon } from "../../ui/Icon";
import { OwnPictures } from "../../ui/pictures/OwnPictures";
import { Sheet } from "../../ui/sheets/Sheet";
import { FileButton } from "../start/FileButton";
import { t } from "./words";

interface Picking {
  /** What the two ways to a picture are called. */
  file: string;
  gallery: string;
  taken(picture: Given): void;
}

/** A picture from this device, or one of those that were made here. */
export function Pick({ file, gallery, taken }: Picking) {
  const open = useSignal(false);
  const take = async (chosen: File) => {
    const picture = await opened(chosen);
    if (picture) taken(picture);
  };
  return (
    <div class="tools">
      <FileButton label={file} icon="image" named taken={(chosen) => void take(chosen)} />
      <button type="button" aria-haspopup="dialog" onClick={() => (open.value = true)}>
        <Icon name="album" />
        {gallery}
      </button>
      {open.value && (
        <Gallery
          title={gallery}
          taken={(picture) => {
            open.value = false;
            taken(picture);
          }}
          close={() => (open.value = false)}
        />
      )}
    </div>
  );
}

/** One's own pictures, the newest first. */
function Gallery({ title, taken, close }: { title: string; taken(picture: Given): void; close(): void }) {
  const own = ids.value.flatMap((id) => {
    const job = find(id)!.job.value;
    return job.outputs.map((output) => ({ output, prompt: job.input.prompt ?? "" }));
  });
  return (
    <Sheet title={title} wide close={close}>
      <div class="own-pictures">
        <OwnPictures
          pictures={own}
          words={{ none: t("noPictures"), older: t("older"), take: (prompt) => t("takePicture", prompt) }}
          taken={(output) => taken({ picture: output.id, url: source(output), width: output.width, height: output.height })}
          older={more.value ? () => void loadOlder().catch(() => undefined) : null}
        />
      </div>
    </Sheet>
  );
}
