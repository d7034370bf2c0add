/** Every figure of a picture's recipe, in words. */
import type { Job, Output } from "../../api/types";
import { ago, dateTime, dimensions, duration, number } from "../../i18n";
import { models, samplers, schedules } from "../../state/form/models";
import { t } from "../words";

export type Figure = readonly [name: string, value: string];

/** What the picture was made with; what had no part in it is left out. */
export function figures(job: Job, output: Output): Figure[] {
  const { input } = job;
  const title = models.value.find((each) => each.name === input.model)?.title;
  const sampler = samplers.value.find((each) => each.name === input.sampler)?.title;
  const schedule = schedules.value.find((each) => each.name === input.schedule)?.label;
  const fromPicture = job.kind !== "text-to-image";
  // Where nothing was painted, nothing that painting goes by had a part in it.
  const painted = job.kind !== "upscale" || input.strength > 0;
  const seconds = (time: string | null) => (time ? new Date(time).getTime() / 1000 : NaN);
  const took = seconds(job.finished_at) - seconds(job.started_at);
  const all: [string, string | number | null | undefined | false][] = [
    [t("kind"), fromPicture && t(job.kind as "inpaint")],
    [t("model"), title || input.model],
    [t("size"), dimensions(output.width, output.height)],
    [t("steps"), painted && number(input.steps)],
    [t("guidance"), painted && number(input.guidance_scale, 2)],
    [t("sampler"), painted && (sampler ?? input.sampler)],
    [t("schedule"), painted && (schedule ?? input.schedule)],
    [t("seed"), painted && String(output.seed)],
    [
      t("variation"),
      painted && !!input.variation_strength &&
        t("towards", number(input.variation_strength * 100), String(input.variation_seed)),
    ],
    [t("strength"), painted && fromPicture && job.kind !== "edit" && number(input.strength, 2)],
    [t("imageGuidance"), painted && input.image_guidance_scale != null && number(input.image_guidance_scale, 2)],
    [t("loras"), painted && input.loras?.map(({ name, weight }) => `${name} (${number(weight, 2)})`).join(", ")],
    [t("controls"), painted && input.controls?.map(({ model, weight }) => `${model} (${number(weight, 2)})`).join(", ")],
    [t("hires"), input.hires && `${number(input.hires.scale, 2)} × (${input.hires.upscaler})`],
    [t("scale"), job.kind === "upscale" && `${number(input.scale ?? 2, 2)} ×${input.upscaler ? ` (${input.upscaler})` : ""}`],
    [t("maskBlur"), job.kind === "inpaint" && number(input.mask_blur)],
    [t("clipSkip"), painted && input.clip_skip > 1 && number(input.clip_skip)],
    [t("rescale"), painted && input.guidance_rescale > 0 && number(input.guidance_rescale, 2)],
    [t("trueCfg"), painted && input.true_cfg_scale > 1 && number(input.true_cfg_scale, 1)],
    [t("tokens"), painted && number(output.prompt_tokens)],
    [t("made"), `${dateTime(job.created_at)} (${ago(job.created_at)})`],
    [t("took"), Number.isFinite(took) && duration(took)],
  ];
  return all.filter((each): each is [string, string] => Boolean(each[1]));
}
