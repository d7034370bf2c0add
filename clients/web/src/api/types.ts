/** Names for what the server's own description, `docs/openapi.json`, calls its schemas. */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Job = Schemas["JobView"];
/** What changes from picture to picture of a walk. */
export type Walk = Pick<Schemas["Walk"], "over"> & Partial<Schemas["Walk"]>;
export type JobRequest = Partial<Omit<Schemas["GenerationRequest"], "walk">> & { walk?: Walk | null };
/** A picture that is followed, pictures that the result is to be like, and a prompt for a part of it. */
export type Control = Schemas["Control"];
export type IPAdapter = Schemas["IPAdapter"];
export type ReferenceOnly = Schemas["ReferenceOnly"];
export type Region = Schemas["Region"];
export type Lora = Pick<Schemas["Lora"], "name" | "weight"> & Partial<Schemas["Lora"]>;
export type ResolvedRequest = Schemas["ResolvedRequest"];
export type Output = Schemas["OutputView"];
export type Progress = Schemas["Progress"];
/** The server leaves nothing out of an answer. */
export type Model = Omit<Required<Schemas["ModelView"]>, AddOnKind> & Record<AddOnKind, AddOn[]>;
/** What can be added to a model. */
export type AddOn = Required<Schemas["AddOn"]>;
/** The lists that a model has of what fits it. */
export type AddOnKind = "loras" | "embeddings" | "controlnets" | "ip_adapters" | "vaes" | "upscalers" | "face_restorers";
export interface ModelList extends Omit<Schemas["ModelList"], "models"> {
  models: Model[];
}
/** What of a picture is meant. */
export type FoundMask = Schemas["MaskView"];
export type ModelChange = Schemas["ModelChange"];
export type AddOnChange = Schemas["AddOnChange"];
/** What a source has, and what would become of it here. */
export type Found = Schemas["Found"];
/** Something that is being added, was, or was not. */
export type Addition = Schemas["AdditionView"];
export type AdditionRequest = Pick<Schemas["AdditionRequest"], "source"> & Partial<Schemas["AdditionRequest"]>;
export type SearchPage = Schemas["SearchPage"];
export type FileKind = NonNullable<Found["kind"]>;
export type Sampler = Schemas["SamplerView"];
export type Schedule = Schemas["ScheduleView"];
export type Device = Schemas["DeviceView"];
export type PresetLink = Schemas["PresetLink"];
export type Quota = Schemas["QuotaView"];
export type QuotaList = Schemas["QuotaList"];
export type Me = Schemas["Me"];
export type PairingCode = Schemas["Code"];
export type ServerState = Schemas["ServerState"];
/** A picture of a request, with the field that names it. */
export type NamedPicture = Schemas["InputView"];
/** The recipe that a picture carries. */
export type Recipe = Schemas["RecipeView"];
/** What was kept of the steps of a picture. */
export type Trace = Schemas["TraceView"];
export type TraceStep = Schemas["TraceStepView"];
export type TracedStep = Schemas["TraceEvent"];
export type Tokens = Schemas["TokensView"];
export type NoiseSchedule = Schemas["NoiseScheduleView"];
export type Forward = Schemas["ForwardView"];
/** How a model was taught. */
export type Story = Schemas["StoryView"];
export type Autoencoded = Schemas["AutoencodedView"];
export type Album = Schemas["AlbumView"];
/** Pictures of an album and the jobs that made them. */
export type AlbumPage = Schemas["AlbumPage"];
export type Preset = Schemas["PresetView"];
/** One request in every combination of some fields' values. */
export type Grid = Schemas["GridView"];
/** What changes along one side of a grid. */
export type Axis = Pick<Schemas["Axis"], "field" | "values"> & Partial<Schemas["Axis"]>;
/** Texts for both prompts that go by a name. */
export type Style = Schemas["StyleView"];
/** A link to one picture, which ends. */
export type PictureLink = Schemas["LinkView"];
export type FieldError = Schemas["FieldError"];
/** What a sentence of the server says, for saying it in another language. */
export type Wording = Schemas["Wording"];
export type Kind = Job["kind"] & NonNullable<JobRequest["kind"]>;

export type ServerEvent =
  | Schemas["StatusEvent"]
  | Schemas["ProgressEvent"]
  | Schemas["PreviewEvent"]
  | Schemas["TraceEvent"]
  | Schemas["OutputEventView"]
  | Schemas["DoneEventView"];

export const ENDED: ReadonlySet<Job["status"]> = new Set(["succeeded", "failed", "canceled"]);
