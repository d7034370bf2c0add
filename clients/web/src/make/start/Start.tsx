import { useSignal } from "@preact/signals";
import { useEffect, useId, useMemo } from "preact/hooks";
import { dimensions } from "../../i18n";
import { change, draft, inPixels, request, worksOnPart } from "../../state/form/draft";
import { input, STRENGTH, type Input } from "../../state/form/input";
import { model, uses } from "../../state/form/models";
import { mend } from "../../state/form/problems";
import { REDRAWN, sizeOf } from "../../state/form/sizes";
import { Icon } from "../../ui/Icon";
import { later } from "../../ui/later";
import { Enlarge } from "./Enlarge";
import { More } from "./More";
import { useProblem } from "../problems";
import { StrengthField } from "../settings/StrengthField";
import { t } from "../words";

/** The largest part of the form, for those who paint. */
const Editor = later(async () => (await import("../../editor/Editor")).Editor);

/** For pictures that grow in several steps. */
const LayersRoom = later(async () => (await import("../layers/LayersRoom")).LayersRoom);

const POINTERS = ["/image", "/references", "/mask", "/expand", "/kind"] as const;

/** The picture, with what of it is painted over. */
function Shown({ source }: { source: Input }) {
  const { use, mask, invert, ink } = source;
  const url = useMemo(() => (use === "inpaint" && mask ? URL.createObjectURL(mask) : null), [use, mask]);
  useEffect(() => () => void (url && URL.revokeObjectURL(url)), [url]);
  return (
    <span class="masked">
      <img src={source.url} alt={t("start")} width={source.width} height={source.height} />
      {url && (
        <span
          class={invert ? "mask inverted" : "mask"}
          style={{ ...(ink && { "--ink": ink.full, "--line": ink.line }), maskImage: `url("${url}")${invert ? ", linear-gradient(#fff, #fff)" : ""}` }}
        />
      )}
    </span>
  );
}

/** The picture to start from, and what to do with it. */
export function Start({ source }: { source: Input }) {
  const name = useId();
  const editing = useSignal(false);
  const chosen = model.value;
  const problem = useProblem([...POINTERS, "/mask_blur", "/mask_grey"]);
  const strength = draft.value.strength ?? STRENGTH[source.use];
  const { left, top, right, bottom } = source.expand;
  const sent = inPixels(source, chosen, draft.value);
  // What is painted over keeps its size, and what is enlarged says its own below.
  const grows = source.use === "outpaint" && (left + right > 0 || top + bottom > 0);
  const becomes = sent.width > 0 && (grows || REDRAWN.includes(source.use)) ? sizeOf(request(draft.value, source, chosen), sent, chosen) : undefined;
  const edited = source.use === "inpaint" || source.use === "outpaint";

  const set = (some: Partial<Input>) => {
    mend(...POINTERS);
    input.value = { ...source, ...some };
  };
  return (
    <fieldset class="start">
      <legend class="unseen">{t("start")}</legend>
      <div class="start-picture">
        <Shown source={source} />
        <div>
          <button
            type="button"
            aria-label={t("remove")}
            title={t("remove")}
            onClick={() => (input.value = null)}
          >
            <Icon name="close" />
          </button>
          <p class="muted">{dimensions(sent.width, sent.height)}</p>
          {becomes && (
            <p class="muted">
              {t("enlargeBy")} <b>{dimensions(becomes.width, becomes.height)}</b>
            </p>
          )}
        </div>
      </div>
      {source.full && sent.width < source.full.width && (
        <p class="muted">
          {t("madeSmaller", dimensions(source.full.width, source.full.height), dimensions(source.width, source.height))}
        </p>
      )}
      <div class="uses" role="radiogroup" aria-label={t("use")}>
        {uses.value.map((use) => (
          <label key={use} class="use">
            <input
              type="radio"
              class="unseen"
              name={name}
              checked={use === source.use}
              onChange={() => {
                change({ strength: null });
                set({ use });
              }}
            />
            {t(use)}
          </label>
        ))}
      </div>
      {chosen && !uses.value.length && <p class="error">{t("cannot", chosen.title)}</p>}
      {edited && (
        <button type="button" class="edit" onClick={() => (editing.value = true)}>
          <Icon name={source.use === "inpaint" ? "brush" : "expand"} />
          {source.use === "outpaint" ? t("extend") : t(source.mask ? "paintAgain" : "paint")}
        </button>
      )}
      {worksOnPart(source, chosen) && <p class="muted">{t("onlyPart", dimensions(chosen!.width, chosen!.height), dimensions(sent.width, sent.height))}</p>}
      {problem && (
        <p class="error" role="alert">
          {problem}
        </p>
      )}
      {source.use === "edit" && <More source={source} set={set} />}
      {source.use === "upscale" && <Enlarge source={source} />}
      {source.use !== "upscale" && source.use !== "edit" && (
        <StrengthField value={strength} />
      )}
      {source.canvas && <LayersRoom id={source.canvas.id} />}
      {editing.value && (
        <Editor
          input={source}
          done={(some) => {
            set(some);
            editing.value = false;
          }}
          close={() => (editing.value = false)}
        />
      )}
    </fieldset>
  );
}
