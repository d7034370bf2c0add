import type { Model } from "../../api/types";
import { dimensions, listed } from "../../i18n";

/** The sizes that a model is made for, as they are written; of many the first ones. */
export function sizesOf({ sizes, width, height }: Pick<Model, "sizes" | "width" | "height">): string {
  const all = sizes.length ? sizes : [`${width}x${height}`];
  return listed(all.slice(0, 3).map((each) => dimensions(...(each.split("x") as [string, string])))) + (all.length > 3 ? " …" : "");
}
