/** Takes what is shown here into the form. */
import type { Model } from "../api/types";
import { addLora, addWord, chooseModel, says } from "../state/form/choose";
import { change, draft } from "../state/form/draft";
import { model } from "../state/form/models";
import { go } from "../state/page/route";
import type { Fitting } from "./shelf";

export function useModel({ name }: Model): void {
  if (model.peek()?.name !== name) chooseModel(name);
  go("make");
}

/** What takes it into the form, with a model that it fits; null where the form has no place for it. */
export function useAddOn({ kind, name, models }: Fitting): (() => void) | null {
  if (["controlnets", "ip_adapters", "upscalers", "face_restorers"].includes(kind)) return null;
  return () => {
    const fits = models.some((each) => each.name === model.peek()?.name);
    if (!fits) chooseModel(models[0]!.name);
    const { prompt } = draft.peek();
    if (kind === "loras") addLora(name);
    else if (kind === "vaes") change({ vae: name });
    else if (!says(prompt, name)) change({ prompt: addWord(prompt, name) });
    go("make");
  };
}
