import type { Model } from "../../api/types";
import { number } from "../../i18n";
import { change, draft, TILINGS, type Tiling } from "../../state/form/draft";
import { input } from "../../state/form/input";
import { hasUnet } from "../../state/form/unet";
import { t } from "../words";
import { Choice } from "./Choice";
import { Folded } from "./Folded";
import { Range } from "./Range";

/** The most that a second pass enlarges here; the API takes more. */
const LARGEST = 3;

const POINTERS = ["/hires", "/variation_strength", "/clip_skip", "/tiling", "/restore_faces"];

/** What few change: a second pass, how far from the seed's own picture, where the words are read. */
export function More({ model }: { model: Model }) {
  const { hires, variation, clipSkip, tiling, faces } = draft.value;
  const passes = model.batched && !input.value;
  return (
    <Folded title={t("moreSettings")} pointers={POINTERS}>
      {passes && (
        <Range
          label={t("hires")}
          help={t("hiresHelp")}
          said={hires === null ? t("none") : t("times", number(hires, 2))}
          pointer="/hires"
          value={hires ?? 1}
          min={1}
          max={LARGEST}
          step={0.25}
          change={(value) => change({ hires: value > 1 ? value : null })}
        />
      )}
      {model.batched && (
        <Range
          label={t("variation")}
          help={t("variationHelp")}
          said={variation ? t("percent", Math.round(variation * 100)) : t("none")}
          pointer="/variation_strength"
          value={variation}
          min={0}
          max={1}
          step={0.05}
          change={(value) => change({ variation: value, variationSeed: null })}
        />
      )}
      {model.clip_layers > 1 && (
        <Range
          label={t("clipSkip")}
          help={t("clipSkipHelp")}
          said={clipSkip > 1 ? String(clipSkip) : t("none")}
          pointer="/clip_skip"
          value={clipSkip}
          min={1}
          max={model.clip_layers}
          step={1}
          change={(value) => change({ clipSkip: Math.round(value) })}
        />
      )}
      {(hasUnet(model) || tiling !== "none") && (
        <Choice
          label={t("tiling")}
          help={t("tilingHelp")}
          pointer="/tiling"
          value={tiling}
          options={TILINGS.map((each) => ({ value: each, text: t(`tiling-${each}`) }))}
          change={(value) => change({ tiling: value as Tiling })}
        />
      )}
      {(model.face_restorers.length > 0 || faces > 0) && <FacesField model={model} />}
    </Folded>
  );
}

/** How far faces are restored, and by what where there are several. */
export function FacesField({ model }: { model: Model }) {
  const { faces, restorer } = draft.value;
  const [first] = model.face_restorers;
  return (
    <>
      <Range
        label={t("faces")}
        help={t("facesHelp")}
        said={faces ? t("percent", Math.round(faces * 100)) : t("none")}
        pointer="/restore_faces"
        value={faces}
        min={0}
        max={1}
        step={0.05}
        change={(value) => change({ faces: value })}
      />
      {faces > 0 && model.face_restorers.length > 1 && (
        <Choice
          label={t("restorer")}
          pointer="/restore_faces/model"
          value={restorer ?? first?.name ?? ""}
          options={model.face_restorers.map((each) => ({ value: each.name, text: each.title || each.name }))}
          change={(name) => change({ restorer: name === first?.name ? null : name })}
        />
      )}
    </>
  );
}
