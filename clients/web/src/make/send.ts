/** From the form to a request on its way. */
import { Refused } from "../api/errors";
import type { FieldError } from "../api/types";
import { randomSeed } from "../browser";
import { change, draft, files, inPixels, request, type Draft } from "../state/form/draft";
import { guides, likened } from "../state/form/guides";
import { input, type Input } from "../state/form/input";
import { marked, spotOf } from "../state/form/layers";
import { drop, submit } from "../state/live/outgoing";
import { model, needsPicture } from "../state/form/models";
import { tell } from "../state/form/problems";
import { sizeOf } from "../state/form/sizes";
import { stuck } from "./start/noRoom";
import { t } from "./words";

/** Milliseconds in which the same once more is a finger that tapped twice. */
const TWICE = 700;

let last: { asked: string; source: Input | null; steered: unknown; at: number } | null = null;

/** Whether this very request was just sent. */
function again(asked: Draft, source: Input | null): boolean {
  const before = last;
  last = { asked: JSON.stringify(asked), source, steered: guides.peek(), at: performance.now() };
  return before !== null && last.at - before.at < TWICE && before.asked === last.asked && before.source === source && before.steered === last.steered;
}

/** Sends what the form says. False where something is missing, which the form then says. */
export function send(): boolean {
  const [asked, source] = [draft.peek(), input.peek()];
  const lacking = missing(asked, source);
  tell(lacking);
  if (lacking.length) return false;
  const { seed: rolled, ...rest } = asked;
  if (again({ ...rest, seed: asked.seedLocked ? rolled : null }, source)) return true;
  const seed = asked.seed ?? randomSeed();
  change({ seed: asked.seedLocked ? seed : null });
  void follow(asked, seed, source);
  return true;
}

async function follow(asked: Draft, seed: number, source: Input | null): Promise<void> {
  const [sent, steered] = [draft.peek(), guides.peek()];
  const chosen = model.peek();
  const wish = request({ ...asked, seed }, source, chosen, steered);
  if (wish.variation_strength) wish.variation_seed ??= randomSeed();
  if (source && (source.use === "outpaint" || (source.use === "inpaint" && source.canvas))) {
    const spot = spotOf(source);
    wish.metadata = { ...wish.metadata, ...marked(spot) };
    if (input.peek() === source && !source.canvas) input.value = { ...source, canvas: spot };
  }
  const { key, problem } = await submit(wish, files(source, steered, chosen, asked), sizeOf(wish, source && inPixels(source, chosen, asked), chosen));
  const changed = draft.peek() !== sent || input.peek() !== source || guides.peek() !== steered;
  // What was changed since is not what was wrong: then the card alone tells of it.
  if (changed || !(problem instanceof Refused) || !problem.fields.length) return;
  drop(key);
  change({ seed: asked.seed });
  tell(problem.fields);
}

function missing(asked: Draft, source: Input | null): FieldError[] {
  const places = asked.regions.flatMap(({ prompt }, at) => (prompt.trim() ? [] : [{ pointer: `/regions/${at}/prompt`, detail: t("emptyPlace") }]));
  if (places.length) return places;
  if (!source && needsPicture.peek()) return [{ pointer: "/image", detail: t("needsPicture", model.peek()!.title) }];
  // Places may say all there is, and so may pictures.
  const shown = guides.peek();
  const said = asked.prompt.trim() || asked.regions.length || shown.follow.length || likened(shown);
  if (!source) return said ? [] : [{ pointer: "/prompt", detail: t("emptyPrompt") }];
  if (source.use === "edit" && !asked.prompt.trim()) return [{ pointer: "/prompt", detail: t("emptyEdit") }];
  if (source.use === "inpaint" && !source.mask) return [{ pointer: "/mask", detail: t("noMask") }];
  const full = stuck.peek();
  if (full) return [{ pointer: "/scale", detail: full }];
  const edges = Object.values(source.expand).some((each) => each > 0);
  if (source.use === "outpaint" && !edges) return [{ pointer: "/expand", detail: t("noEdges") }];
  return [];
}
