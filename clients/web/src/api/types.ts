/** Names for what the server's own description, `docs/openapi.json`, calls its schemas. */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Job = Schemas["JobView"];
export type JobRequest = Partial<Schemas["GenerationRequest"]>;
export type ResolvedRequest = Schemas["ResolvedRequest"];
export type Output = Schemas["OutputView"];
export type Progress = Schemas["Progress"];
/** The server leaves nothing out of an answer. */
export type Model = Omit<Required<Schemas["ModelView"]>, AddOnKind> & Record<AddOnKind, AddOn[]> & Shown;
/** What can be added to a model. */
export type AddOn = Required<Schemas["AddOn"]> & Shown & { family?: string };
/** The lists that a model has of what fits it. */
export type AddOnKind = "loras" | "embeddings" | "controlnets" | "upscalers";
/** A picture of it, and how large its files are. */
interface Shown {
  preview_url?: string | null;
  bytes?: number | null;
}
export interface ModelList extends Omit<Schemas["ModelList"], "models"> {
  models: Model[];
}
export type Sampler = Schemas["SamplerView"];
export type Schedule = Schemas["ScheduleView"];
export type Device = Schemas["DeviceView"];
export type Me = Schemas["Me"];
export type PairingCode = Schemas["Code"];
export type ServerState = Schemas["ServerState"];
/** A picture of a request, with the field that names it. */
export type NamedPicture = Schemas["InputView"];
/** The recipe that a picture carries. */
export type Recipe = Schemas["RecipeView"];
export type FieldError = Schemas["FieldError"];
export type Kind = Job["kind"] & NonNullable<JobRequest["kind"]>;

export type ServerEvent =
  | Schemas["StatusEvent"]
  | Schemas["ProgressEvent"]
  | Schemas["PreviewEvent"]
  | Schemas["OutputEventView"]
  | Schemas["DoneEventView"];

export const ENDED: ReadonlySet<Job["status"]> = new Set(["succeeded", "failed", "canceled"]);
