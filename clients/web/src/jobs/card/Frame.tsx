import { useComputed, useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { source } from "../../api/images";
import { ENDED } from "../../api/types";
import { reread, type LiveJob } from "../../state/live/jobs";
import { askAgain } from "../../ui/pictures/again";
import { PictureSheet } from "./PictureSheet";
import { named } from "../sentence";
import { t } from "../words";

/** Times that a picture is enlarged at most: more, and it is a blur. */
const SHARP = 2;

/** Pixels that a card's picture is fetched at; the viewer has them all. */
const WIDTH = 768;

/** One picture of a job: its previews, then itself in the same place. */
export function Frame({ live, index }: { live: LiveJob; index: number }) {
  const job = live.job.peek();
  const { count = 1, prompt } = job.input;
  const output = useComputed(() => live.job.value.outputs.find((each) => each.id === `${live.id}-${index}`)).value;
  const shown = useSignal(false);
  const failed = useRef("");
  const last = useRef<string | undefined>(undefined);
  // The last one stays until the picture itself is there, or the card would be empty between them.
  const preview = useComputed(() => (last.current = live.previews.value[index] ?? last.current));
  const size = output ?? job;
  const more = useSignal(false);
  // The addresses of pictures are renewed now and then: the job of this moment.
  const several = useComputed(() => live.job.value.outputs.length > 1 && ENDED.has(live.job.value.status));
  return (
    <div class="frame" style={{ aspectRatio: `${size.width} / ${size.height}`, "--sharp": `${size.width * SHARP}px`, "--sharp-high": `${size.height * SHARP}px` }}>
      {!shown.value && <img class="preview" alt="" src={preview} decoding="sync" />}
      {output && (
        <a href={`#/gallery/${output.id}`} aria-label={count > 1 ? t("openOf", named(prompt), index + 1, count) : t("open", named(prompt))}>
          <img
            class={shown.value ? "picture shown" : "picture"}
            alt={named(prompt)}
            src={source(output, output.width > WIDTH ? WIDTH : undefined)}
            width={output.width}
            height={output.height}
            onLoad={() => (shown.value = true)}
            onError={(event) => {
              if (failed.current === output.url) return askAgain(event);
              // Its address was signed for a while only: once more with a new one.
              failed.current = output.url;
              const { currentTarget } = event;
              void reread(live.id).catch(() => askAgain({ currentTarget }));
            }}
          />
        </a>
      )}
      {output && several.value && (
        <button
          type="button"
          class="of-picture"
          aria-haspopup="dialog"
          aria-label={t("moreOf", index + 1, count)}
          title={t("moreOf", index + 1, count)}
          onClick={() => (more.value = true)}
        >
          <span class="dots" aria-hidden="true" />
        </button>
      )}
      {output && more.value && (
        <PictureSheet
          job={live.job.value}
          output={output}
          title={t("pictureOf", index + 1, count)}
          close={() => (more.value = false)}
        />
      )}
    </div>
  );
}
