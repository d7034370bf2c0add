import { number } from "../../i18n";
import { largest } from "../../state/form/enlarge";
import { t } from "../words";

const MEGA = 1_000_000;

/** That a picture cannot grow here, with the limit that it has reached. */
export function noRoom(model: Parameters<typeof largest>[0], paints: boolean): string {
  const { width, height, pixels } = largest(model, paints);
  return t("largest", number(Math.min(width, height)), number(Math.floor(pixels / MEGA)));
}
