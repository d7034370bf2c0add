/** What a choice leaves to be chosen, and which choices differ from the model's own. */
import type { Model, Sampler, Schedule } from "../../api/types";
import { number, dimensions } from "../../i18n";
import { weighedByBlock } from "../../state/form/blocks";
import { EMPTY, type Draft } from "../../state/form/draft";
import { likened, NONE, type Guides } from "../../state/form/guides";
import { t as walkName } from "../../walks/words";
import { t } from "../words";

/** The samplers of a model, in the server's order. */
export function samplersOf(model: Model | null, all: readonly Sampler[]): readonly Sampler[] {
  return model ? all.filter((each) => model.samplers.includes(each.name)) : all;
}

/** The schedules that a sampler takes, of those that the model may go by. */
export function schedulesOf(
  model: Model | null,
  sampler: string | null | undefined,
  samplers: readonly Sampler[],
  all: readonly Schedule[],
): readonly Schedule[] {
  const chosen = samplers.find((each) => each.name === sampler);
  const fits = ({ name }: Schedule) => name === "automatic" || !model || model.schedules.includes(name);
  return chosen ? all.filter((each) => chosen.schedules.includes(each.name) && fits(each)) : [];
}

/** What differs from the defaults, each in a word or two; of what counts for enlarging, where only that is done. */
export function differences(
  from: Draft,
  model: Model | null,
  samplers: readonly Sampler[],
  schedules: readonly Schedule[],
  steered: Guides = NONE,
  onlyEnlarging = false,
): string[] {
  const titled = (all: readonly { name: string; title?: string; label?: string }[], name: string) => {
    const found = all.find((each) => each.name === name);
    return found?.title || found?.label || name;
  };
  if (onlyEnlarging) {
    return differences({ ...EMPTY, model: from.model, faces: from.faces }, model, samplers, schedules);
  }
  const negative = from.negative.trim();
  return [
    from.model && (model?.name === from.model ? model.title : from.model),
    (from.width || from.height) &&
      dimensions(from.width ?? model?.width ?? 0, from.height ?? model?.height ?? 0),
    from.steps !== null && t("chipSteps", from.steps),
    from.guidance !== null && t("chipGuidance", number(from.guidance, 2)),
    from.sampler && titled(samplers, from.sampler),
    from.schedule !== "automatic" && titled(schedules, from.schedule),
    // A seed is no quantity: it is written without separators.
    from.seed !== null && t("chipSeed", String(from.seed)),
    from.count > 1 && t("chipCount", from.count),
    from.hires !== null && t("chipHires", number(from.hires, 2)),
    from.variation > 0 && t("chipVariation", Math.round(from.variation * 100)),
    from.clipSkip > 1 && t("chipClipSkip", from.clipSkip),
    from.tiling !== "none" && t(`tiling-${from.tiling}`),
    from.faces > 0 && t("chipFaces", Math.round(from.faces * 100)),
    steered.follow.length > 0 && t("chipFollow", steered.follow.length),
    likened(steered) > 0 && t("chipLike", likened(steered)),
    from.regions.length > 0 && t("chipPlaces", from.regions.length),
    from.walk && walkName(from.walk.over),
    from.vae && titled(model?.vaes ?? [], from.vae),
    ...from.loras.map((each) => `${titled(model?.loras ?? [], each.name)} ${number(each.weight, 3)}`),
    weighedByBlock(from.loras) > 0 && t("chipBlocks", weighedByBlock(from.loras)),
    negative && t("chipNegative", negative.length > 24 ? `${negative.slice(0, 24)}…` : negative),
  ].filter((each) => typeof each === "string" && each !== "") as string[];
}
