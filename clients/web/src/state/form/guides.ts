/** Pictures that steer what is made beside the words: those to follow, and those to be like. They
 * survive a reload. */
import { effect, signal } from "@preact/signals";
import type { Files } from "../../api/jobs";
import { preprocessors as listed } from "../../api/maps";
import type { AddOn, Control, IPAdapter, JobRequest, Model, NamedPicture, ReferenceOnly, ResolvedRequest } from "../../api/types";
import { named, shown, type Given } from "./input";
import { hasUnet } from "./unet";
import { Kept } from "../kept";

/** As many as the server takes of each, and pictures of one that is to be like them. */
export const MOST = { follow: 4, like: 4, pictures: 8 } as const;

/** What makes a map of a picture without a model of its own, as the server calls it; `none` alone until it was asked. */
export const preprocessors = signal<readonly string[]>(["none"]);

export async function loadPreprocessors(): Promise<void> {
  preprocessors.value = await listed();
}

/** A picture that is followed, by a ControlNet. */
export interface Follow {
  picture: Given;
  how: Omit<Control, "image">;
}

/** Pictures that the result is to be like, by an IP-Adapter. */
export interface Like {
  pictures: readonly Given[];
  how: Omit<IPAdapter, "images">;
}

/** A picture that the network itself looks at, without an adapter. */
export interface Looked {
  picture: Given;
  how: Omit<ReferenceOnly, "image">;
}

export interface Guides {
  follow: readonly Follow[];
  like: readonly Like[];
  looked: Looked | null;
}

export const NONE: Guides = { follow: [], like: [], looked: null };

export const guides = signal<Guides>(NONE);

/** Changes some of it. */
export function guide(some: Partial<Guides>): void {
  guides.value = { ...guides.peek(), ...some };
}

/** The preprocessor that a net's name asks for, where it says one. */
export function usual(net: Pick<AddOn, "name" | "title"> | undefined): string {
  const said = `${net?.name} ${net?.title}`.toLowerCase();
  return preprocessors.value.find((each) => each !== "none" && said.includes(each)) ?? "none";
}

/** A picture as one to follow, by a net in the way that is usual for it. */
export function following(picture: Given, net: Pick<AddOn, "name" | "title">): Follow {
  const how = { model: net.name, preprocessor: usual(net), weight: 1, start: 0, end: 1, control_mode: "balanced" as const };
  return { picture, how };
}

/** A picture as one to be like. */
export function liking(picture: Given, adapter: Pick<AddOn, "name">): Like {
  return { pictures: [picture], how: { model: adapter.name, weight: 1, start: 0, end: 1 } };
}

/** A picture as one that the network looks at. */
export function looking(picture: Given): Looked {
  return { picture, how: { weight: 1, style_fidelity: 0.5, start: 0, end: 1 } };
}

/** Whether a model's network can look at a picture as it looks at its own. */
export function looksItself(model: Pick<Model, "batched" | "family" | "kinds">): boolean {
  return hasUnet(model) && model.kinds.includes("image-to-image");
}

/** What of it a model has the nets and adapters for. */
export function fitting(from: Guides, model: Pick<Model, "controlnets" | "ip_adapters" | "batched" | "family" | "kinds">): Guides {
  const known = (all: readonly AddOn[], name: string) => all.some((each) => each.name === name);
  return {
    follow: from.follow.filter(({ how }) => known(model.controlnets, how.model)),
    like: from.like.filter(({ how }) => known(model.ip_adapters, how.model)),
    looked: looksItself(model) ? from.looked : null,
  };
}

/** How many pictures there are to be like. */
export function likened({ like, looked }: Guides): number {
  return like.reduce((all, { pictures }) => all + pictures.length, looked ? 1 : 0);
}

type Steering = Pick<JobRequest, "controls" | "ip_adapters" | "reference_only">;

/** The fields of a request that say it. */
export function guidesAsked({ follow, like, looked }: Guides): Steering {
  const asked: Steering = {};
  if (follow.length) asked.controls = follow.map(({ picture, how }) => ({ ...how, image: named(picture.picture) }));
  if (like.length) asked.ip_adapters = like.map(({ pictures, how }) => ({ ...how, images: pictures.map((each) => named(each.picture)) }));
  if (looked) asked.reference_only = { ...looked.how, image: named(looked.picture.picture) };
  return asked;
}

/** The files that go beside them. */
export function guideFiles({ follow, like, looked }: Guides): Files {
  const given: Files = {};
  if (looked && typeof looked.picture.picture !== "string") given.reference_only = looked.picture.picture;
  follow.forEach(({ picture: { picture } }, at) => {
    if (typeof picture !== "string") given[`control_${at}`] = picture;
  });
  like.forEach(({ pictures }, at) =>
    pictures.forEach(({ picture }, index) => {
      if (typeof picture !== "string") given[`ip_adapter_${at}_${index}`] = picture;
    }),
  );
  return given;
}

/** Finds the picture of a request's field; null where it is gone. */
export type Find = (pointer: string, named: string) => Promise<Given | null>;

/** What a request said before, with the pictures of it that are still to be had. */
export async function guidesOf(request: JobRequest | ResolvedRequest, find: Find): Promise<Guides> {
  const follow = (request.controls ?? []).map(async ({ image, ...how }, at) => {
    const picture = await find(`/controls/${at}/image`, image);
    return picture ? [{ picture, how }] : [];
  });
  const like = (request.ip_adapters ?? []).map(async ({ images, ...how }, at) => {
    const found = await Promise.all(images.map((each, index) => find(`/ip_adapters/${at}/images/${index}`, each)));
    const pictures = found.filter((each) => each !== null);
    return pictures.length ? [{ pictures, how }] : [];
  });
  return { follow: (await Promise.all(follow)).flat(), like: (await Promise.all(like)).flat(), looked: await lookedAt(request, find) };
}

async function lookedAt({ reference_only }: JobRequest | ResolvedRequest, find: Find): Promise<Looked | null> {
  if (!reference_only) return null;
  const { image, ...how } = reference_only;
  const picture = await find("/reference_only/image", image);
  return picture && { picture, how };
}

/** Finds pictures among those that the server names with a job. */
export function among(pictures: readonly NamedPicture[], given: (named: NamedPicture) => Promise<Given>): Find {
  return async (pointer) => {
    const found = pictures.find((each) => each.pointer === pointer);
    return found ? given(found).catch(() => null) : null;
  };
}

/** Finds pictures among the files beside a request. */
export function besideIt(files: Files, given: (picture: Blob | string) => Promise<Given>): Find {
  return (pointer, named) => {
    const [, list, at, , index] = pointer.split("/");
    const adapter = `ip_adapter_${Number(at)}_${Number(index)}` as const;
    const name = list === "controls" ? (`control_${Number(at)}` as const) : list === "reference_only" ? list : adapter;
    return given(files[name] ?? named);
  };
}

/** A database of the browser's takes files. */
const kept = new Kept<Guides>("darkroom-guides", "guides");

const GUIDES = "guides";

export async function restoreGuides(): Promise<void> {
  const found = await kept.get(GUIDES);
  if (found && guides.peek() === NONE) {
    guides.value = {
      follow: found.follow.map((each) => ({ ...each, picture: shown(each.picture) })),
      like: found.like.map((each) => ({ ...each, pictures: each.pictures.map(shown) })),
      // An earlier page kept none.
      looked: found.looked ? { ...found.looked, picture: shown(found.looked.picture) } : null,
    };
  }
  effect(() => {
    void kept.set(GUIDES, guides.value);
  });
}
