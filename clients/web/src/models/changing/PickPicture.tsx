import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { file } from "../../api/images";
import * as api from "../../api/models/models";
import type { Model } from "../../api/types";
import { find, ids, loadOlder, more } from "../../state/live/jobs";
import { refreshModels } from "../../state/form/models";
import { toast } from "../../state/page/toasts";
import { Icon } from "../../ui/Icon";
import { OwnPictures, type Own } from "../../ui/pictures/OwnPictures";
import { sentence } from "../../ui/sentence";
import { Sheet } from "../../ui/sheets/Sheet";
import { titleOf, type Fitting } from "../shelf";
import { t } from "../words";
import { namedOf } from "./named";

/** One's own pictures, to choose the one that stands for a model; or a file. */
export function PickPicture({ of, close }: { of: Model | Fitting; close(): void }) {
  const field = useRef<HTMLInputElement>(null);
  const busy = useSignal(false);
  const problem = useSignal("");
  const take = async (picture: () => Promise<Blob>) => {
    busy.value = true;
    problem.value = "";
    try {
      await api.setPreview(namedOf(of), await picture());
      await refreshModels().catch(() => undefined);
      toast(t("pictured", titleOf(of)));
      close();
    } catch (error) {
      problem.value = sentence(error, false);
    } finally {
      busy.value = false;
    }
  };
  const own = picturesOf(of);
  return (
    <Sheet title={t("pictureOf", titleOf(of))} wide close={close}>
      <div class="picking own-pictures">
        <button type="button" class="wide" disabled={busy.value} onClick={() => field.current!.click()}>
          <Icon name="image" />
          {t("pictureFile")}
        </button>
        <input
          ref={field}
          hidden
          type="file"
          accept="image/png,image/jpeg,image/webp"
          aria-label={t("pictureFile")}
          onChange={(event) => {
            const chosen = event.currentTarget.files?.[0];
            if (chosen) void take(async () => chosen);
            event.currentTarget.value = "";
          }}
        />
        <p class="error" role="alert">
          {problem.value}
        </p>
        <OwnPictures
          pictures={own}
          words={{ none: t("noPictures"), older: t("older"), take: (prompt) => t("takePicture", prompt) }}
          disabled={busy.value}
          taken={(output) => void take(() => file(output))}
          older={more.value ? () => void loadOlder().catch(() => undefined) : null}
        />
      </div>
    </Sheet>
  );
}

/** The pictures that are known, first those that were made with it. */
function picturesOf(of: Model | Fitting): Own[] {
  const jobs = ids.value.map((id) => find(id)!.job.value);
  const made = jobs.filter(({ input }) =>
    "models" in of ? (input.loras ?? []).some((each) => each.name === of.name) : input.model === of.name,
  );
  const others = jobs.filter((each) => !made.includes(each));
  return [...made, ...others].flatMap((job) =>
    job.outputs.map((output) => ({ output, prompt: job.input.prompt ?? "" })),
  );
}
