/** Grids: one request in every combination of some fields' values. */
import { get, post, send } from "../http";
import type { Axis, Grid, JobRequest } from "../types";

/** Creates a grid; the same `key` is the same grid, however often it is sent. */
export function createGrid(request: JobRequest, axes: readonly Axis[], key: string): Promise<Grid> {
  return post("grids", { json: { request, axes }, headers: { "Idempotency-Key": key }, patience: 120_000 });
}

export function readGrid(id: string): Promise<Grid> {
  return get(`grids/${id}`);
}

/** Ends what has not ended; the pictures that are there stay. */
export function cancelGrid(id: string): Promise<Grid> {
  return post(`grids/${id}/cancel`);
}

/** Deletes it with its jobs and their pictures. */
export async function deleteGrid(id: string): Promise<void> {
  await send("DELETE", `grids/${id}`, { patience: 60_000 });
}

/** All pictures under their labels, each so many pixels wide: an SVG. */
export async function readSheet(id: string, width: number): Promise<Blob> {
  return (await send("GET", `grids/${id}/sheet`, { query: { width }, patience: 120_000 })).blob();
}
