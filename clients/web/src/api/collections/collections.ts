/** Albums, presets, archives and links. */
import { absolute, get, post, send } from "../http";
import type { Album, AlbumPage, JobRequest, PictureLink, Preset, PresetLink } from "../types";

export async function albums(): Promise<Album[]> {
  return (await get<{ albums: Album[] }>("albums")).albums;
}

export function album(id: string, start = 0): Promise<AlbumPage> {
  return get(`albums/${id}`, { query: { start, limit: 200 } });
}

export function createAlbum(name: string): Promise<Album> {
  return post("albums", { json: { name } });
}

export async function renameAlbum(id: string, name: string): Promise<void> {
  await send("PATCH", `albums/${id}`, { json: { name } });
}

/** The pictures stay. */
export async function deleteAlbum(id: string): Promise<void> {
  await send("DELETE", `albums/${id}`);
}

export async function putInto(album: string, image: string): Promise<void> {
  await send("PUT", `albums/${album}/images/${image}`);
}

export async function takeOut(album: string, image: string): Promise<void> {
  await send("DELETE", `albums/${album}/images/${image}`);
}

export async function presets(): Promise<Preset[]> {
  return (await get<{ presets: Preset[] }>("presets")).presets;
}

export function savePreset(name: string, request: JobRequest): Promise<Preset> {
  return post("presets", { json: { name, request } });
}

/** An address that fills the form of whoever opens it, for any device that reaches the server. */
export function presetLink(id: string): Promise<PresetLink> {
  return get(`presets/${id}/link`);
}

export async function deletePreset(id: string): Promise<void> {
  await send("DELETE", `presets/${id}`);
}

/** Where these pictures are as one file, for an hour. */
export async function archive(images: readonly string[]): Promise<string> {
  return absolute((await post<{ url: string }>("archives", { json: { images } })).url);
}

/** The bytes of an archive, for whoever cannot be led to it. */
export async function archiveFile(url: string): Promise<Blob> {
  return (await send("GET", url.slice(absolute("").length), { patience: 0 })).blob();
}

export function link(image: string, hours: number): Promise<PictureLink> {
  return post(`images/${image}/links`, { json: { hours } });
}
