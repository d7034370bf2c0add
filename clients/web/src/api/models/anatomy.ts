/** What the server shows of how a model works, and what it kept of a picture's steps. */
import { get, post, send } from "../http";
import type { Autoencoded, Forward, NoiseSchedule, Story, Tokens, Trace } from "../types";

/** Milliseconds for an answer that a model may have to be loaded for. */
const PATIENCE = 60_000;

/** What was kept of a picture's steps. */
export function trace(url: string): Promise<Trace> {
  return get(url);
}

/** Where one step's latents are, as the autoencoder sees them. */
export function decoded(url: string, what: "x" | "x0" | "noise", step: number): string {
  return `${url}/pictures/${what}/${step}`;
}

/** Where a word acted: all steps side by side. */
export function acted(url: string, word: number): string {
  return `${url}/words/${word}`;
}

/** A picture by its path; the network may have to be asked for it. */
export async function drawn(path: string): Promise<Blob> {
  return (await send("GET", path, { patience: PATIENCE })).blob();
}

export function tokenize(prompt: string, model?: string, signal?: AbortSignal): Promise<Tokens> {
  return post("tokenize", { json: { prompt, ...named(model) }, patience: PATIENCE, ...aborted(signal) });
}

export function schedule(sampler: string, steps: number, model?: string): Promise<NoiseSchedule> {
  return get(`schedules/${encodeURIComponent(sampler)}`, { query: { steps, model }, patience: PATIENCE });
}

export interface ForwardWish {
  schedule: string;
  timesteps: number[];
  space: "pixels" | "latents";
  way: "closed" | "stepwise" | "both";
  seed?: number;
  prompt?: string;
}

/** A picture, or the id of one, in noise. */
export function forward(picture: Blob | string, wish: ForwardWish, model?: string): Promise<Forward> {
  return post("forward", { ...sent(picture, { ...wish, ...named(model) }), patience: PATIENCE });
}

export interface AutoencodeWish {
  zero?: number[];
}

/** A picture, or the id of one, through the autoencoder and back. */
export function autoencode(picture: Blob | string, wish: AutoencodeWish, model?: string): Promise<Autoencoded> {
  return post("autoencode", { ...sent(picture, { ...wish, ...named(model) }), patience: PATIENCE });
}

/** How a model was taught, where it brings that with it. */
export function story(model: string): Promise<Story> {
  return get(`models/${encodeURIComponent(model)}/training`, { patience: PATIENCE });
}

function named(model?: string) {
  return model ? { model } : {};
}

function aborted(signal?: AbortSignal) {
  return signal ? { signal } : {};
}

function sent(picture: Blob | string, wish: object): { json: unknown } | { form: FormData } {
  if (typeof picture === "string") return { json: { ...wish, image: picture } };
  const form = new FormData();
  form.append("request", JSON.stringify(wish));
  form.append("image", picture, "image");
  return { form };
}
