/** What can be done with a picture, in the gallery and on the cards of jobs alike. */
import { signal } from "@preact/signals";
import { Refused } from "../api/errors";
import { source } from "../api/images";
import * as api from "../api/jobs";
import type { Job, JobRequest, Output } from "../api/types";
import { usesOf } from "../make/take";
import { platform } from "../platform";
import { fill, input, NO_EDGES } from "../state/draft";
import { forget, hide } from "../state/jobs";
import { model, models } from "../state/models";
import { submit } from "../state/outgoing";
import { go, route } from "../state/route";
import { toast } from "../state/toasts";
import { copy, randomSeed } from "../ui/browser";
import { sentence } from "../ui/sentence";
import { original } from "./original";
import { fileName, infotextOf } from "./png";
import { startOf } from "./start";
import { t } from "./words";

/** How far a variation is turned away from its picture: as far as it stays recognisable. */
const NEAR_BY = 0.2;

/** Asks for one more by the same recipe, with another seed. */
export function sameAgain(job: Job, _output: Output): void {
  ask({ ...recipe(job), seed: randomSeed() });
}

/** Asks for a picture that is nearly this one. */
export function vary(job: Job, output: Output): void {
  const made = models.peek().find((each) => each.name === job.input.model);
  // A pipeline that runs whole mixes no noises, and an upscale is all picture and no noise.
  const mixes = made?.batched !== false && job.kind !== "upscale";
  const near = { seed: output.seed, variation_seed: randomSeed(), variation_strength: NEAR_BY };
  ask({ ...recipe(job), ...(mixes ? near : { seed: randomSeed() }) });
}

function ask(request: JobRequest): void {
  const elsewhere = route.peek().place !== "make";
  toast(t("asked"), elsewhere ? { label: t("watch"), run: () => go("make") } : undefined);
  void submit(request);
}

/** Fills the form with the recipe of a picture: its seed, and the picture that it started from. */
export async function useRecipe(job: Job, output: Output): Promise<void> {
  fill({ ...job.input, seed: output.seed, count: 1 });
  go("make");
  input.value = await startOf(recipe(job), job.pictures).catch(() => null);
  const lost = job.kind !== "text-to-image" && !input.peek();
  toast(t(lost ? "filledButStart" : "filled"));
}

/** Makes a picture the one to start from. */
export function useAsInput(output: Output): void {
  input.value = {
    use: usesOf(model.peek()?.kinds)[0] ?? "image-to-image",
    picture: output.id,
    url: source(output),
    width: output.width,
    height: output.height,
    mask: null,
    invert: false,
    feather: 4,
    expand: NO_EDGES,
  };
  go("make");
}

/** Copies the recipe as the picture carries it, in the words that other programs read. */
export async function copyRecipe(_job: Job, output: Output): Promise<void> {
  let text: string | null;
  try {
    text = infotextOf(new Uint8Array(await (await original(output)).arrayBuffer()));
  } catch (error) {
    toast(sentence(error));
    return;
  }
  if (text === null) toast(t("noRecipe"));
  else if (await copy(text)) toast(t("copied"));
  // The picture took longer to come than a browser believes that it was the user who asked.
  else toast(t("ready"), { label: t("copy"), run: () => void copyNow(text) });
}

async function copyNow(text: string): Promise<void> {
  toast(t((await copy(text)) ? "copied" : "copyRefused"));
}

/** Hands a picture to another application, or keeps it where the browser shares nothing. */
export async function share(output: Output, job: Job): Promise<void> {
  try {
    const file = await asFile(output, job);
    if (platform.share && (await platform.share(file))) return;
    await platform.save(file);
    const link = source(output);
    toast(t("savedToShare"), {
      label: t("copyLink"),
      run: () => void copy(new URL(link, location.href).href).then((done) => toast(t(done ? "linkCopied" : "copyRefused"))),
    });
  } catch (error) {
    toast(sentence(error));
  }
}

/** Keeps the picture's file, with its recipe, on this device. */
export async function save(output: Output, job: Job): Promise<void> {
  try {
    await platform.save(await asFile(output, job));
  } catch (error) {
    toast(sentence(error));
  }
}

/** Jobs that are out of sight: deleted, or about to be. */
export const removed = signal<ReadonlySet<string>>(new Set());

const doomed = new Set<string>();

/** Deletes a job with its pictures, unless it is undone while the toast stands. */
export function remove(job: Job): void {
  mark(job.id, true);
  doomed.add(job.id);
  const undo = () => {
    if (doomed.delete(job.id)) mark(job.id, false);
  };
  toast(t("deleted", job.outputs.length), { label: t("undo"), run: undo }, () => void end(job.id));
}

function mark(id: string, gone: boolean): void {
  const now = new Set(removed.peek());
  if (gone) now.add(id);
  else now.delete(id);
  removed.value = now;
  hide(id, gone);
}

async function end(id: string, keepalive = false): Promise<void> {
  if (!doomed.delete(id)) return;
  try {
    await api.remove(id, keepalive);
    forget(id);
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return forget(id);
    mark(id, false);
    toast(sentence(error));
  }
}

// Nobody is left to undo it.
addEventListener("pagehide", () => {
  for (const id of doomed) void end(id, true);
});

async function asFile(output: Output, job: Job): Promise<File> {
  const blob = await original(output);
  return new File([blob], fileName(job.input.prompt, output.seed), { type: blob.type });
}

/** The job's request, for one picture. */
function recipe(job: Job): JobRequest {
  return { ...job.input, count: 1 } as JobRequest;
}
