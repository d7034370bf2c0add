import { absolute, send } from "./http";
import type { Output, Progress } from "./types";

/** Where the browser gets a picture, no wider than `width` pixels if that is given. */
export function source(output: Pick<Output, "url">, width?: number): string {
  const url = absolute(output.url);
  return width ? `${url}&format=webp&width=${width}` : url;
}

/** Pixels across at which a picture fills a screen: three of 33 megapixels would take 400 MB. */
const SCREEN = 1600;

/** Where the browser gets a picture as it is seen whole. */
export function seenWhole(output: Pick<Output, "url" | "width">): string {
  return source(output, output.width > SCREEN ? SCREEN : undefined);
}

/** The picture's file as the server keeps it, with its recipe. */
export async function file(output: Pick<Output, "url">): Promise<Blob> {
  return (await send("GET", output.url, { patience: 60_000 })).blob();
}

/** A picture from an address that is signed. */
export async function pixels(url: string): Promise<Blob> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${response.status} for a picture`);
  return response.blob();
}

/** How far a job is, in percent. */
export function percent(progress: Progress | null | undefined): number {
  return Math.round((progress?.fraction ?? 0) * 100);
}
