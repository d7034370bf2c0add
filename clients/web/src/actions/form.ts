/** Brings requests and pictures into the form. */
import { file, source } from "../api/images";
import type { Files } from "../api/jobs";
import type { Job, JobRequest, NamedPicture, Output, ResolvedRequest } from "../api/types";
import { fill } from "../state/form/draft";
import { among, besideIt, guides, guidesOf, NONE, type Guides } from "../state/form/guides";
import { input, inputOf, type Given, type Input, type Use } from "../state/form/input";
import { choose, spotOfJob } from "../state/form/layers";
import { models, usualUse } from "../state/form/models";
import { tell } from "../state/form/problems";
import { find, jobOf } from "../state/live/jobs";
import { lead } from "../state/page/attention";
import { toast } from "../state/page/toasts";
import { t } from "./words";

type Request = JobRequest | ResolvedRequest;

/** Fills the form with a request, and with the pictures that it starts from and is steered by, as far
 * as they are to be had. */
export async function fillForm(request: Request, start: Promise<Input | null>, steered: Promise<Guides>): Promise<void> {
  tell([]);
  fill(request, models.peek().find((each) => (request.model ? each.name === request.model : each.default)) ?? null);
  const [from, by] = await Promise.all([start.catch(() => null), steered.catch(() => NONE)]);
  input.value = from;
  guides.value = by;
}

/** Fills the form with the recipe of a picture: its seed, and the picture that it started from. */
export async function useRecipe(job: Job, output: Output): Promise<void> {
  lead("form");
  await fillForm({ ...job.input, seed: output.seed, count: 1 }, startOf(job.input, job.pictures), steeredBy(job.input, job.pictures));
  const lost = useOf(job.input) !== null && !input.peek();
  toast(t(lost ? "filledButStart" : "filled"));
}

/** Makes a picture the one to start from, for what is usually done with one if nothing is
 * said; `said` is what it shows, where its job may not be known here. */
export function useAsInput(output: Output, use: Use = usualUse(), said?: string): void {
  const { id: picture, width, height } = output;
  tell([]);
  const made = find(jobOf(picture))?.job.peek();
  const canvas = made ? spotOfJob(made, picture) : null;
  const words = said ?? made?.input.prompt;
  if (canvas) choose(canvas.id, picture);
  input.value = { ...inputOf({ use, picture, url: source(output), width, height, ...(words ? { words } : {}) }), canvas };
  lead("form");
}

/** Makes a picture the one to enlarge: what it shows stays what it is called. */
export function enlarge({ input: { prompt } }: Job, output: Output): void {
  useAsInput(output, "upscale", prompt);
}

/** What a request that the server had starts from; null for one that starts from words alone. */
export async function startOf(
  request: Request,
  pictures: readonly NamedPicture[],
): Promise<Input | null> {
  const picture = pictures.find((each) => each.pointer === "/image");
  const use = useOf(request);
  if (!picture || !use) return null;
  const url = source(picture);
  const size = await sizeOf(url);
  const mask = pictures.find((each) => each.pointer === "/mask");
  const kept = mask ? await file(mask) : null;
  const others = pictures.filter((each) => each.pointer.startsWith("/references/"));
  const more = await Promise.all(others.map(given));
  return inputOf({ use, picture: picture.id, url, ...size, ...wordsOf(request) }, request, kept, more);
}

/** The pictures that steer a request that the server had. */
export function steeredBy(request: Request, pictures: readonly NamedPicture[]): Promise<Guides> {
  return guidesOf(request, among(pictures, given));
}

/** The pictures that steer a request that never got there. */
export function unsentGuides(request: JobRequest, files: Files): Promise<Guides> {
  return guidesOf(request, besideIt(files, unsent));
}

/** What a request that never got there starts from. */
export async function unsentStart(request: JobRequest, files: Files): Promise<Input | null> {
  const picture = files.image ?? request.image;
  const use = useOf(request);
  if (!picture || !use) return null;
  const url = typeof picture === "string" ? (input.peek()?.url ?? "") : URL.createObjectURL(picture);
  const size = await sizeOf(url).catch(() => ({ width: 0, height: 0 }));
  const more = (request.references ?? []).map((named, index) => files[`reference_${index}`] ?? named);
  return inputOf({ use, picture, url, ...size, ...wordsOf(request) }, request, files.mask, await Promise.all(more.map(unsent)));
}

async function given(named: NamedPicture): Promise<Given> {
  const url = source(named);
  return { picture: named.id, url, ...(await sizeOf(url)) };
}

/** A picture of a request that never got there; the address of one on the server is not known. */
async function unsent(picture: Blob | string): Promise<Given> {
  const url = typeof picture === "string" ? "" : URL.createObjectURL(picture);
  return { picture, url, ...(await sizeOf(url).catch(() => ({ width: 0, height: 0 }))) };
}

function useOf({ kind }: Request): Input["use"] | null {
  return !kind || kind === "text-to-image" || kind === "walk" ? null : kind;
}

/** What the picture shows that a request enlarges. */
function wordsOf({ kind, prompt }: Request): Pick<Input, "words"> {
  return kind === "upscale" && prompt ? { words: prompt } : {};
}

async function sizeOf(url: string): Promise<{ width: number; height: number }> {
  const image = new Image();
  image.src = url;
  await image.decode();
  return { width: image.naturalWidth, height: image.naturalHeight };
}
