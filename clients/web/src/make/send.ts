/** From the form to a request on its way. */
import { Refused } from "../api/errors";
import type { FieldError } from "../api/types";
import { randomSeed } from "../browser";
import { change, draft, files, request, type Draft } from "../state/draft";
import { input, type Input } from "../state/input";
import { drop, submit } from "../state/outgoing";
import { model, needsPicture } from "../state/models";
import { tell } from "../state/problems";
import { t } from "./words";

/** Sends what the form says. False where something is missing, which the form then says. */
export function send(): boolean {
  const [asked, source] = [draft.peek(), input.peek()];
  const lacking = missing(asked, source);
  tell(lacking);
  if (lacking.length) return false;
  const seed = asked.seed ?? randomSeed();
  change({ seed: asked.seedLocked ? seed : null });
  void follow(asked, seed, source);
  return true;
}

async function follow(asked: Draft, seed: number, source: Input | null): Promise<void> {
  const sent = draft.peek();
  const { key, problem } = await submit(request({ ...asked, seed }, source), files(source));
  const changed = draft.peek() !== sent || input.peek() !== source;
  // What was changed since is not what was wrong: then the card alone tells of it.
  if (changed || !(problem instanceof Refused) || !problem.fields.length) return;
  drop(key);
  change({ seed: asked.seed });
  tell(problem.fields);
}

function missing(asked: Draft, source: Input | null): FieldError[] {
  if (!source && needsPicture.peek()) return [{ pointer: "/image", detail: t("needsPicture", model.peek()!.title) }];
  if (!source) return asked.prompt.trim() ? [] : [{ pointer: "/prompt", detail: t("emptyPrompt") }];
  if (source.use === "edit" && !asked.prompt.trim()) return [{ pointer: "/prompt", detail: t("emptyEdit") }];
  if (source.use === "inpaint" && !source.mask) return [{ pointer: "/mask", detail: t("noMask") }];
  const edges = Object.values(source.expand).some((each) => each > 0);
  if (source.use === "outpaint" && !edges) return [{ pointer: "/expand", detail: t("noEdges") }];
  return [];
}
