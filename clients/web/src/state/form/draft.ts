/** What the user is about to ask for. Everything typed is kept on the device at once. */
import { effect, signal } from "@preact/signals";
import type { Files } from "../../api/jobs";
import type { JobRequest, Lora, Model, ResolvedRequest, Walk } from "../../api/types";
import { besideAsked, besideOf, type Beside } from "./beside";
import { ownUpscaler, timesChosen } from "./enlarge";
import { guideFiles, guidesAsked, NONE, type Guides } from "./guides";
import { named, STRENGTH, type Input } from "./input";
import type { Size } from "./sizes";
import { placesOf, regionsOf, type Place } from "./places";

export const TILINGS = ["none", "x", "y", "both"] as const;

export type Tiling = (typeof TILINGS)[number];

export interface Draft {
  prompt: string;
  negative: string;
  /** Names of the server's styles, whose words it puts to both prompts. */
  styles: readonly string[];
  /** Null in these is the model's own choice. */
  model: string | null;
  width: number | null;
  height: number | null;
  steps: number | null;
  guidance: number | null;
  sampler: string | null;
  schedule: string;
  seed: number | null;
  /** Whether the seed stays for the next picture. */
  seedLocked: boolean;
  count: number;
  /** An autoencoder in place of the model's own. */
  vae: string | null;
  loras: readonly Lora[];
  /** How far to go from the picture; null is what suits its use. */
  strength: number | null;
  /** What changes from picture to picture, where they are a walk. */
  walk: Walk | null;
  /** How many times an enlarged picture is larger, and what enlarges it. */
  scale: number | null;
  upscaler: string | null;
  /** Times that a second pass enlarges; null is none. */
  hires: number | null;
  /** How far towards another seed, and which; a new one each time if none is named. */
  variation: number;
  variationSeed: number | null;
  clipSkip: number;
  /** Which edges meet, so that the picture can be laid beside itself. */
  tiling: Tiling;
  /** How far faces are restored, 0 not at all; and by what, the first that there is if null. */
  faces: number;
  restorer: string | null;
  /** Parts of the picture that have prompts of their own. */
  regions: readonly Place[];
  /** What else a recipe asked for. */
  beside: Beside;
}

export const EMPTY: Draft = {
  prompt: "",
  negative: "",
  styles: [],
  model: null,
  width: null,
  height: null,
  steps: null,
  guidance: null,
  sampler: null,
  schedule: "automatic",
  seed: null,
  seedLocked: false,
  count: 1,
  vae: null,
  loras: [],
  strength: null,
  walk: null,
  scale: null,
  upscaler: null,
  hires: null,
  variation: 0,
  variationSeed: null,
  clipSkip: 1,
  tiling: "none",
  faces: 0,
  restorer: null,
  regions: [],
  beside: {},
};

const KEPT = "darkroom.draft";

function kept(): Draft {
  try {
    return { ...EMPTY, ...(JSON.parse(localStorage.getItem(KEPT) ?? "{}") as Partial<Draft>) };
  } catch {
    return EMPTY;
  }
}

export const draft = signal<Draft>(kept());

effect(() => {
  const text = JSON.stringify(draft.value);
  try {
    localStorage.setItem(KEPT, text);
  } catch {
    // Full, or not given to this window: the form works as long as the page is open.
  }
});

/** Changes some of it. */
export function change(some: Partial<Draft>): void {
  draft.value = { ...draft.peek(), ...some };
}

/** Counts the times that all of it was set at once, and not field by field. */
export const refilled = signal(0);

/** Everything back to the model's own choices; what is typed stays. */
export function reset(): void {
  refilled.value++;
  const { prompt, negative } = draft.peek();
  draft.value = { ...EMPTY, prompt, negative };
}

/**
 * Fills the form with a request that was made before, or that a picture carries. What `model`, which
 * it is for, would choose by itself is left to it: another model later chooses for itself.
 */
export function fill(request: JobRequest | ResolvedRequest, model: Model | null = null): void {
  const unless = <V>(value: V | null | undefined, own: V | undefined): V | null =>
    value === undefined || value === null || (model && value === own) ? null : value;
  const ownSize = model && request.width === model.width && request.height === model.height;
  const ownSchedule = model && request.schedule === model.schedule;
  refilled.value++;
  const use = request.image && request.kind !== "text-to-image" && request.kind !== "walk" ? request.kind : undefined;
  change({
    prompt: request.prompt ?? "",
    negative: request.negative_prompt ?? "",
    // What was made before has their words in its prompts.
    styles: ("styles" in request && request.styles) || [],
    model: model?.default ? null : (request.model ?? null),
    width: ownSize ? null : (request.width ?? null),
    height: ownSize ? null : (request.height ?? null),
    steps: unless(request.steps, model?.steps),
    guidance: unless(request.guidance_scale, model?.guidance_scale),
    sampler: unless(request.sampler, model?.sampler),
    schedule: ownSchedule ? "automatic" : (request.schedule ?? "automatic"),
    seed: request.seed ?? null,
    seedLocked: request.seed !== undefined,
    count: request.count ?? 1,
    vae: request.vae ?? null,
    loras: [...(request.loras ?? [])],
    // Without a picture it says nothing, and would make the next one forgotten.
    strength: use && use !== "edit" ? unless(request.strength, STRENGTH[use]) : null,
    scale: request.scale ?? null,
    hires: request.hires?.scale ?? null,
    variation: request.variation_strength ?? 0,
    variationSeed: request.variation_seed ?? null,
    clipSkip: request.clip_skip ?? 1,
    tiling: request.tiling ?? "none",
    faces: request.restore_faces ? (request.restore_faces.strength ?? 1) : 0,
    restorer: unless(request.restore_faces?.model, model?.face_restorers[0]?.name),
    regions: placesOf(request.regions),
    upscaler: unless(request.upscaler, ownUpscaler(model)),
    walk: request.walk ? walked(request.walk) : null,
    beside: besideOf(request, model),
  });
}

/** A walk without what the server filled in, but for where it leads. */
function walked({ over, prompt, seed, steps, samplers, schedules, seconds }: Walk): Walk {
  const said = Object.entries({ prompt, seed, steps, samplers, schedules, seconds }).filter(([, each]) => each != null);
  return { over, ...Object.fromEntries(said) };
}

/** How much larger than a model's own a picture is that only its painted part is worked on. */
const LARGE = 2;

/** Pixels round the painted part that the model gets to see: enough of the whole to fit in. */
const SEEN = { least: 32, most: 512, share: 16 };

/** Pixels over which the server softens an edge, at most. */
const SOFTEST = 64;

type Source = Pick<Input, "use" | "width" | "height" | "full" | "original" | "canvas">;

/** Whether only the painted part is worked on: the model would be lost at the picture's own size. */
export function worksOnPart(source: Source, model: Pick<Model, "width" | "height"> | null): boolean {
  const { width, height } = original(source) ? source.full! : source;
  return source.use === "inpaint" && model !== null && width * height > LARGE * model.width * model.height;
}

type Painted = Pick<Draft, "strength">;

/** How large the picture is that is sent: a part of a photograph goes back into its own pixels, and
 * what is only enlarged grows from them. */
export function inPixels(source: Source, model: Pick<Model, "width" | "height"> | null, from: Painted = EMPTY): Size {
  const { width, height } = asTaken(source, model, from) ? source.full! : source;
  return { width, height };
}

/** The photograph in its own pixels, where those are sent. */
function asTaken(source: Source, model: Pick<Model, "width" | "height"> | null, from: Painted): Blob | null {
  return (worksOnPart(source, model) || onlyEnlarges(from, source)) ? original(source) : null;
}

/** The photograph as it was taken. On a canvas each step has the pixels of the one before. */
function original({ full, original, canvas }: Source): Blob | null {
  return (full && !canvas && original) || null;
}

/** Whether a picture is enlarged and nothing in it painted anew: then little of the draft counts. */
export function onlyEnlarges(from: Painted, source: Pick<Input, "use"> | null): boolean {
  return source?.use === "upscale" && !from.strength;
}

/** The draft as a request for a model; pictures that are files go beside it. */
export function request(from: Draft, source: Input | null, model: Model | null = null, guides: Guides = NONE): JobRequest {
  const enlarged = onlyEnlarges(from, source);
  const asked: JobRequest = {
    kind: source?.use ?? "text-to-image",
    // It shows what it is made of, whatever is typed for the next picture.
    prompt: enlarged ? (source?.words ?? "") : from.prompt.trim(),
    negative_prompt: enlarged ? "" : from.negative.trim(),
    schedule: from.schedule,
    count: from.count,
    ...guidesAsked(guides),
    ...(enlarged ? {} : besideAsked(from.beside, source !== null)),
  };
  if (from.regions.length) asked.regions = regionsOf(from.regions);
  if (from.tiling !== "none") asked.tiling = from.tiling;
  if (from.faces) asked.restore_faces = { strength: from.faces, ...(from.restorer ? { model: from.restorer } : {}) };
  if (from.styles.length && !enlarged) asked.styles = [...from.styles];
  if (from.model) asked.model = from.model;
  if (from.steps !== null) asked.steps = from.steps;
  if (from.guidance !== null) asked.guidance_scale = from.guidance;
  if (from.sampler) asked.sampler = from.sampler;
  if (from.seed !== null) asked.seed = from.seed;
  if (from.vae) asked.vae = from.vae;
  if (from.loras.length) asked.loras = from.loras.map((each) => ({ ...each }));
  if (from.clipSkip > 1) asked.clip_skip = from.clipSkip;
  if (from.variation) {
    asked.variation_strength = from.variation;
    if (from.variationSeed !== null) asked.variation_seed = from.variationSeed;
  }
  if (!source) {
    if (from.hires) asked.hires = { ...from.beside.hires, scale: from.hires } as JobRequest["hires"] & object;
    if (from.width) asked.width = from.width;
    if (from.height) asked.height = from.height;
    if (!from.walk) return asked;
    // How many pictures it has follows from it.
    const { count, ...rest } = asked;
    const ends = from.walk.over === "prompts" || from.walk.over === "seeds";
    const walk = { ...from.walk, ...(ends ? { frames: Math.max(2, count ?? 2) } : {}) };
    return { ...rest, kind: "walk", walk };
  }
  if (typeof source.picture === "string") asked.image = source.picture;
  if (source.use === "edit") {
    if (source.more.length) asked.references = source.more.map(({ picture }) => named(picture));
    return asked;
  }
  asked.strength = from.strength ?? STRENGTH[source.use];
  if (source.use === "upscale") {
    asked.scale = model ? timesChosen(from.scale, inPixels(source, model, from), model, !!asked.strength) : (from.scale ?? 2);
    asked.upscaler = from.upscaler ?? ownUpscaler(model);
    // With nothing painted anew all of them would be the same.
    if (!asked.strength) asked.count = 1;
  }
  if (source.use === "inpaint") {
    asked.mask_invert = source.invert;
    const [sent, seen] = [inPixels(source, model), Math.max(source.width, source.height)];
    asked.mask_blur = Math.min(SOFTEST, Math.round((source.feather * Math.max(sent.width, sent.height)) / seen));
    if (source.grey) asked.mask_grey = source.grey;
    if (worksOnPart(source, model)) {
      asked.inpaint_area = "masked";
      const round = Math.round(Math.max(sent.width, sent.height) / SEEN.share);
      asked.mask_padding = Math.min(SEEN.most, Math.max(SEEN.least, round));
    }
  }
  if (source.use === "outpaint") asked.expand = { ...source.expand };
  return asked;
}

/** The files that go beside the request. */
export function files(source: Input | null, guides: Guides = NONE, model: Model | null = null, from: Painted = EMPTY): Files {
  const given: Files = guideFiles(guides);
  if (source && typeof source.picture !== "string") given.image = asTaken(source, model, from) ?? source.picture;
  if (source?.use === "inpaint" && source.mask) given.mask = source.mask;
  if (source?.use === "edit") {
    source.more.forEach(({ picture }, index) => {
      if (typeof picture !== "string") given[`reference_${index}`] = picture;
    });
  }
  return given;
}
