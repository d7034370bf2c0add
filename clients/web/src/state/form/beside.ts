/** What a recipe asks for that the form has no field for: it goes along, until it is left out. */
import type { JobRequest, Model, ResolvedRequest } from "../../api/types";

/** Such fields, each with what it is where nothing was asked for: a job says all of them. */
const UNASKED = {
  guidance_rescale: [0],
  true_cfg_scale: [1],
  // Null, or what models choose that take one.
  image_guidance_scale: [1.5],
  as_written: [false],
  blend_prompt: [],
  blend: [0],
  class_label: [],
  freeu: [],
  dynamic_thresholding: [],
  pag_scale: [0],
  cfg_plus_plus: [false],
  exact: [false],
  resize: ["crop"],
  fill: ["original"],
} satisfies Partial<Record<keyof JobRequest, readonly unknown[]>>;

export type BesideField = keyof typeof UNASKED;

export const BESIDE = Object.keys(UNASKED);

/** Those that say something of a picture to start from, and nothing without one. */
const OF_A_PICTURE: readonly BesideField[] = ["image_guidance_scale", "resize", "fill"];

type SecondPass = NonNullable<JobRequest["hires"]>;

export type Beside = Partial<Pick<JobRequest, BesideField>> & { hires?: Partial<SecondPass> };

const PASS = { steps: [], strength: [0.6], upscaler: ["lanczos"], prompt: [], negative_prompt: [] } satisfies Partial<
  Record<keyof SecondPass, readonly unknown[]>
>;

/** What of an object is asked for: neither null nor what it is anyhow. */
function asked(from: object, unasked: Readonly<Record<string, readonly unknown[]>>): Record<string, unknown> {
  const said = Object.entries(from).filter(([field, value]) => value !== null && value !== undefined && unasked[field]?.includes(value) === false);
  return Object.fromEntries(said);
}

/** What a request says beside what the form has fields for. */
export function besideOf(request: JobRequest | ResolvedRequest, model: Model | null): Beside {
  const beside = asked(request, UNASKED) as Beside;
  const pass = asked(request.hires ?? {}, PASS) as Partial<SecondPass>;
  // A model that draws at some sizes alone has its second pass enlarge alone, whatever is asked for.
  if (pass.strength === 0 && model?.sizes.length) delete pass.strength;
  return Object.keys(pass).length ? { ...beside, hires: pass } : beside;
}

/** What of it goes into a request, whose second pass takes its own part. */
export function besideAsked({ hires, ...beside }: Beside, picture: boolean): Partial<JobRequest> {
  const counts = (field: string) => picture || !OF_A_PICTURE.some((each) => each === field);
  return Object.fromEntries(Object.entries(beside).filter(([field]) => counts(field)));
}

/** Each in a word or two: by its name in the API, since the form has none for it. */
export function besideSaid(beside: Beside): [keyof Beside, string][] {
  return Object.entries(beside).map(([field, value]) => [field as keyof Beside, [field, ...words(value)].join(" ")]);
}

function words(value: unknown): string[] {
  if (value === true || value === null) return [];
  if (typeof value !== "object") return [String(value)];
  return Object.entries(value as object).flatMap(([name, each]) => (each === null ? [] : [name, ...words(each)]));
}
