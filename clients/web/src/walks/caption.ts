/** What a picture of a walk has that the others have otherwise. */
import type { Job, Output, ResolvedRequest } from "../api/types";
import { samplers, schedules } from "../state/form/models";
import { t } from "./words";

/** In a few words, for below the picture. */
export function caption({ input }: Job, output: Output): string {
  const own = output.own as Partial<ResolvedRequest>;
  switch (input.walk?.over) {
    case "steps":
      return t("inSteps", own.steps ?? input.steps);
    case "prompts":
      return own.blend ? t("share", Math.round(own.blend * 100)) : (own.prompt ?? input.prompt);
    case "seeds":
      return own.variation_strength ? t("share", Math.round(own.variation_strength * 100)) : t("seed", String(output.seed));
    case "words":
      return own.prompt ?? input.prompt;
    case "samplers": {
      const name = own.sampler ?? input.sampler;
      return samplers.value.find((each) => each.name === name)?.title ?? name;
    }
    case "schedules": {
      const name = own.schedule ?? input.schedule;
      return schedules.value.find((each) => each.name === name)?.label ?? name;
    }
    default:
      return "";
  }
}
