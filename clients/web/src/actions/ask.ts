/** Asks for more of a picture: by the same recipe, or nearly. */
import type { Job, JobRequest, Output } from "../api/types";
import { Refused } from "../api/errors";
import { randomSeed } from "../browser";
import { alone } from "../state/live/alone";
import { models } from "../state/form/models";
import { submit } from "../state/live/outgoing";
import { lead } from "../state/page/attention";
import { toast } from "../state/page/toasts";
import { twice } from "../state/page/twice";
import { sentence } from "../ui/sentence";
import { t } from "./words";

/**
 * How far a variation is turned away from its picture, as far as it stays recognisable, and how much
 * further each time that more are asked for: there are models of which the first shows nothing new.
 */
const [NEAR_BY, FURTHER, FURTHEST] = [0.2, 0.15, 0.65];

/** How often each picture was varied since the page was opened, by its id. */
const varied = new Map<string, number>();

/** Asks for one more by the same recipe, with another seed. */
export function sameAgain(job: Job, _output: Output): void {
  if (!twice(`again ${job.id}`)) void ask(job, { ...recipe(job), seed: randomSeed() });
}

/** Asks for a picture that is nearly this one. */
export function vary(job: Job, output: Output): void {
  if (twice(`vary ${output.id}`)) return;
  const made = models.peek().find((each) => each.name === job.input.model);
  // A pipeline that runs whole mixes no noises, and an upscale is all picture and no noise.
  const mixes = made?.batched !== false && job.kind !== "upscale";
  const before = varied.get(output.id) ?? 0;
  varied.set(output.id, before + 1);
  // In whole hundredths, as the form shows them.
  const strength = Math.round(100 * Math.min(FURTHEST, NEAR_BY + before * FURTHER)) / 100;
  const near = { seed: output.seed, variation_seed: randomSeed(), variation_strength: strength };
  void ask(job, { ...recipe(alone(job, output)), ...(mixes ? near : { seed: randomSeed() }) });
}

/** Says what came of it: it was taken, it waits on this device, or why it was not taken. */
async function ask(like: Job, request: JobRequest): Promise<void> {
  const { problem } = await submit(request, {}, like);
  const final = problem instanceof Refused && !problem.passing;
  toast(final ? sentence(problem, false) : t(problem ? "waits" : "asked"), { label: t("watch"), run: () => lead("jobs") });
}

/** The job's request, for one picture. */
function recipe(job: Job): JobRequest {
  return { ...job.input, count: 1 } as JobRequest;
}
