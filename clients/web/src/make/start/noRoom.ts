import { computed } from "@preact/signals";
import { number } from "../../i18n";
import { draft, inPixels } from "../../state/form/draft";
import { largest, mostTimes } from "../../state/form/enlarge";
import { input } from "../../state/form/input";
import { model } from "../../state/form/models";
import { t } from "../words";

const MEGA = 1_000_000;

/** The id of what says it in the page. */
export const NO_ROOM = "no-room";

/** That the picture to be enlarged cannot grow here, with the limit that it has reached and what to
 * do instead; null where it can. */
export const stuck = computed(() => {
  const [source, chosen, asked] = [input.value, model.value, draft.value];
  const paints = !!asked.strength;
  if (source?.use !== "upscale" || !chosen || mostTimes(inPixels(source, chosen, asked), chosen, paints) > 1) return null;
  const { width, height, pixels } = largest(chosen, paints);
  return t("largest", number(Math.min(width, height)), number(Math.floor(pixels / MEGA)));
});
