import { post } from "./http";
import type { FoundMask } from "./types";

/** A place in shares of the picture's width and height; what stands at one that is not positive is not meant. */
export interface MaskPoint {
  x: number;
  y: number;
  positive: boolean;
}

/** What is meant of a picture: what words say, or what stands at places. */
export type Meant = { words: string } | { points: readonly MaskPoint[] };

/** Milliseconds that a look at a picture may take: a large model is loaded first. */
const PATIENCE = 60_000;

/** How surely each place of a picture is meant, as greys. */
export function findMask(picture: Blob | string, meant: Meant, signal: AbortSignal): Promise<FoundMask> {
  const request = { ...meant, soft: true };
  if (typeof picture === "string") {
    return post("masks", { json: { ...request, image: picture }, signal, patience: PATIENCE });
  }
  const form = new FormData();
  form.set("request", JSON.stringify(request));
  form.set("image", picture, "image");
  return post("masks", { form, signal, patience: PATIENCE });
}
