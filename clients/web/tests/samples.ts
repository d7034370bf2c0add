/** Models and jobs as the server tells of them. */
import type { Job, JobRequest, Model, Sampler, Schedule } from "../src/api/types";

/** What the server's link to a preset says of it. */
export function written(preset: JobRequest): string {
  const bytes = new TextEncoder().encode(JSON.stringify(preset));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function model(some: Partial<Model> = {}): Model {
  return {
    name: "emoji",
    title: "Emoji",
    description: "",
    default: true,
    family: "sd1",
    sizes: [],
    batched: true,
    width: 128,
    height: 128,
    factor: 8,
    steps: 20,
    guidance_scale: 4,
    sampler: "dpmpp_2m",
    schedule: "automatic",
    window: 20,
    clip_layers: 2,
    reads_words: false,
    licence: "",
    sha256: null,
    bytes: 0,
    preview_url: null,
    kinds: ["text-to-image"],
    samplers: ["dpmpp_2m"],
    schedules: ["automatic"],
    distilled_guidance: false,
    edit_pictures: 0,
    lora_blocks: [],
    image_guidance: false,
    loras: [],
    embeddings: [],
    controlnets: [],
    ip_adapters: [],
    preprocessors: [],
    segmenters: [],
    upscalers: [],
    face_restorers: [],
    vaes: [],
    classes: 0,
    live: true,
    warm: true,
    state: "warm",
    loaded: 1,
    pinned: false,
    limits: { max_width: 2048, max_height: 2048, max_pixels: 4_194_304, max_enlarged_size: 8192, max_enlarged_pixels: 33_554_432, max_upload: 25_165_824, max_picture_pixels: 50_000_000, max_steps: 150, max_count: 16 },
    workers: [],
    ...some,
  };
}

export function sampler(name: string, schedules: string[]): Sampler {
  return { name, title: name, aliases: [], schedules, flow_schedules: schedules, default_schedule: "automatic", second_order: false };
}

export function schedule(name: string): Schedule {
  return { name, label: name, aliases: [], description: "" };
}

export function job(id: string, some: Partial<Job> = {}): Job {
  return {
    id,
    owner: "local",
    kind: "text-to-image",
    status: "queued",
    queue_position: 0,
    eta_s: null,
    progress: null,
    attempts: 0,
    input: { model: "emoji", prompt: "cat", width: 128, height: 128, steps: 20, guidance_scale: 4, seed: 1, sampler: "euler", count: 1 } as Job["input"],
    pictures: [],
    width: 128,
    height: 128,
    traces: [],
    files: [],
    outputs: [],
    error: null,
    notes: [],
    created_at: "2026-01-01T00:00:00Z",
    started_at: null,
    finished_at: null,
    urls: { self: "", events: "", cancel: "" },
    ...some,
  };
}

export function output(id: string): Job["outputs"][number] {
  return { id, width: 128, height: 128, seed: 1, content_type: "image/png", prompt_tokens: 1, prompt_chunks: 1, strangers: [], url: `/${id}`, own: {} };
}
