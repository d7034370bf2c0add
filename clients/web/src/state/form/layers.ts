/** Canvases: a picture that grew in several steps, with what each step added as a layer of its own.
 * They are kept on the device. */
import { signal } from "@preact/signals";
import { pixels, source as addressOf } from "../../api/images";
import type { Job } from "../../api/types";
import { uuid } from "../../browser";
import { Kept } from "../kept";

/** Canvases that are kept, those used last. */
const KEPT = 12;

/** Pixels of what was there before that a step keeps as its own: its edge is soft. */
const SOFT = 8;

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** One of the pictures that a step made. */
export interface Take {
  /** The id of the picture, where the server made it; empty for the one that all began with. */
  image: string;
  /** The picture itself, or where it is until it was fetched. */
  picture: Blob | string;
}

/** What a step added to a canvas, whose first picture is at 0, 0: of its takes, the one chosen. */
export interface Layer extends Box, Take {
  /** Which step it is of, and all that was made of it, the chosen one too; none in old canvases. */
  step?: string;
  takes?: readonly Take[];
  /** What of it was there before its step; null where all of it is the step's. */
  before: Box | null;
  hidden: boolean;
}

export interface Canvas {
  id: string;
  /** The undermost first. */
  layers: readonly Layer[];
  /** Pictures that were thrown away: their jobs are still there. */
  thrown: readonly string[];
  used: number;
}

/** Where on which canvas a picture to start from lies, and by what name its steps know it. */
export interface Spot {
  id: string;
  x: number;
  y: number;
  from?: string;
}

/** A picture to start from, which may lie on a canvas already. */
interface Source {
  picture: Blob | string;
  url: string;
  width: number;
  height: number;
  canvas?: Spot | null;
}

export const canvases = signal<ReadonlyMap<string, Canvas>>(new Map());

const kept = new Kept<Canvas>("darkroom-layers", "layers");

export async function restoreLayers(): Promise<void> {
  const found = (await kept.all()).map(([, canvas]) => canvas).sort((a, b) => b.used - a.used);
  for (const { id } of found.slice(KEPT)) void kept.drop(id);
  canvases.value = new Map([...found.slice(0, KEPT).map((each) => [each.id, each] as const), ...canvases.peek()]);
}

function put(canvas: Canvas): void {
  const now = { ...canvas, used: Date.now() };
  canvases.value = new Map([...canvases.peek(), [canvas.id, now]]);
  void kept.set(canvas.id, now);
}

function change(id: string, layers: (before: readonly Layer[]) => readonly Layer[], thrown: readonly string[] = []): void {
  const canvas = canvases.peek().get(id);
  if (canvas) put({ ...canvas, layers: layers(canvas.layers), thrown: [...canvas.thrown, ...thrown] });
}

/** The place of a picture that is about to grow: on its canvas, or on one that begins with it. */
export function spotOf(source: Source): Spot {
  if (source.canvas && canvases.peek().has(source.canvas.id)) return source.canvas;
  const { picture, url, width, height } = source;
  const id = uuid();
  const from = typeof picture === "string" ? url : picture;
  put({ id, layers: [{ image: "", picture: from, x: 0, y: 0, width, height, before: null, hidden: false }], thrown: [], used: 0 });
  if (typeof from === "string") void bring(id, "", from);
  return { id, x: 0, y: 0, from: uuid() };
}

/** Keeps a picture that the server has: its address ends one day, and so may the picture. */
async function bring(id: string, image: string, url: string): Promise<void> {
  const picture = await pixels(url).catch(() => null);
  const kept = <T extends Take>(each: T): T => (each.image === image ? { ...each, picture: picture! } : each);
  if (picture) change(id, (all) => all.map((each) => kept(each.takes ? { ...each, takes: each.takes.map(kept) } : each)));
}

/** What a request says of the canvas, for its job to be known by. */
export function marked({ id, x, y, from }: Spot): Record<string, string | number> {
  return { canvas: id, canvas_x: x, canvas_y: y, ...(from ? { canvas_from: from } : {}) };
}

/** The place of a job's pictures on a canvas of this device; null for all others. `picture` is the
 * one of them that the next step starts from. */
export function spotOfJob({ input }: Pick<Job, "input">, picture = ""): Spot | null {
  const { canvas, canvas_x: x, canvas_y: y } = input.metadata ?? {};
  if (typeof canvas !== "string" || typeof x !== "number" || typeof y !== "number" || !canvases.value.has(canvas)) return null;
  const { left, top } = edgesOf(input);
  return { id: canvas, x: x - left, y: y - top, ...(picture ? { from: picture } : {}) };
}

/** The step of a job by what all its takes have in common; null where the request does not say. */
function stepOf({ input }: Pick<Job, "input">): string | null {
  const from = input.metadata?.canvas_from;
  return typeof from === "string" ? JSON.stringify([from, input.kind, edgesOf(input)]) : null;
}

/** By how much a job's pictures are larger on each side than what they were made from. */
export function edgesOf({ kind, expand }: Job["input"]) {
  const none = { left: 0, top: 0, right: 0, bottom: 0 };
  return kind === "outpaint" ? { ...none, ...expand } : none;
}

/** Puts what a job made onto its canvas, if that is here. What is made of one step once more is a
 * take of its layer, and the one that is seen as long as no step follows; of several pictures it is
 * the first. True where any was new. */
export function learn(job: Job): boolean {
  const spot = spotOfJob(job);
  const canvas = spot && canvases.peek().get(spot.id);
  if (!spot || !canvas || job.status !== "succeeded") return false;
  const known = new Set([...canvas.layers.flatMap(imagesOf), ...canvas.thrown]);
  const step = stepOf(job);
  const { left, top, right, bottom } = edgesOf(job.input);
  const fresh = job.outputs.filter(({ id }) => !known.has(id));
  job.outputs.forEach((output, at) => {
    if (!fresh.includes(output)) return;
    const { width, height } = output;
    const inner = { x: left, y: top, width: width - left - right, height: height - top - bottom };
    const before = job.input.kind === "outpaint" ? inner : null;
    const take = { image: output.id, picture: addressOf(output) };
    const layer = { ...take, x: spot.x, y: spot.y, width, height, before, hidden: step === null && at > 0 };
    change(spot.id, (all) => withTake(all, step === null ? layer : { ...layer, step, takes: [take] }, at === 0));
    void bring(spot.id, output.id, take.picture);
  });
  return fresh.length > 0;
}

function withTake(all: readonly Layer[], layer: Layer, first: boolean): readonly Layer[] {
  const at = layer.step ? all.findIndex(({ step }) => step === layer.step) : -1;
  if (at < 0) return [...all, layer];
  const seen = first && at === all.length - 1 ? layer : {};
  return all.map((each, place) => (place === at ? { ...each, ...seen, takes: [...(each.takes ?? []), ...layer.takes!] } : each));
}

function imagesOf({ image, takes }: Layer): readonly string[] {
  return takes?.map((each) => each.image) ?? [image];
}

/** Makes a take the one of its layer that is seen. */
export function choose(id: string, image: string): void {
  change(id, (all) => all.map((each) => ({ ...each, ...each.takes?.find((take) => take.image === image) })));
}

export function show(id: string, image: string, hidden: boolean): void {
  change(id, (all) => all.map((each) => (each.image === image ? { ...each, hidden } : each)));
}

/** Takes a layer off the canvas; its picture stays in the gallery. */
export function throwAway(id: string, image: string): void {
  const gone = canvases.peek().get(id)?.layers.find((each) => each.image === image);
  change(id, (all) => all.filter((each) => each.image !== image), gone ? imagesOf(gone) : []);
}

/** The smallest box round what is shown; null where nothing is. */
export function bounds(layers: readonly Layer[]): Box | null {
  const seen = layers.filter(({ hidden }) => !hidden);
  if (!seen.length) return null;
  const x = Math.min(...seen.map((each) => each.x));
  const y = Math.min(...seen.map((each) => each.y));
  const right = Math.max(...seen.map((each) => each.x + each.width));
  const bottom = Math.max(...seen.map((each) => each.y + each.height));
  return { x, y, width: right - x, height: bottom - y };
}

/** What of a layer is not its own, within it: what was there before, but for the soft edge. */
export function foreign({ before, width, height }: Layer): Box | null {
  if (!before) return null;
  // No edge where nothing was added.
  const left = before.x > 0 ? SOFT : 0;
  const top = before.y > 0 ? SOFT : 0;
  const right = before.x + before.width < width ? SOFT : 0;
  const bottom = before.y + before.height < height ? SOFT : 0;
  const box = { x: before.x + left, y: before.y + top, width: before.width - left - right, height: before.height - top - bottom };
  return box.width > 0 && box.height > 0 ? box : null;
}
