/** Pictures that steer what is made beside the words: those to follow, and those to be like. They
 * survive a reload. */
import { effect, signal } from "@preact/signals";
import type { Files } from "../../api/jobs";
import { preprocessors as listed } from "../../api/maps";
import type { AddOn, Control, IPAdapter, JobRequest, Model, NamedPicture, ResolvedRequest } from "../../api/types";
import { named, shown, type Given } from "./input";
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

export interface Guides {
  follow: readonly Follow[];
  like: readonly Like[];
}

export const NONE: Guides = { follow: [], like: [] };

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

/** What of it a model has the nets and adapters for. */
export function fitting(from: Guides, model: Pick<Model, "controlnets" | "ip_adapters">): Guides {
  const known = (all: readonly AddOn[], name: string) => all.some((each) => each.name === name);
  return {
    follow: from.follow.filter(({ how }) => known(model.controlnets, how.model)),
    like: from.like.filter(({ how }) => known(model.ip_adapters, how.model)),
  };
}

/** How many pictures there are to be like. */
export function likened({ like }: Guides): number {
  return like.reduce((all, { pictures }) => all + pictures.length, 0);
}

/** The fields of a request that say it. */
export function guidesAsked({ follow, like }: Guides): Pick<JobRequest, "controls" | "ip_adapters"> {
  const asked: Pick<JobRequest, "controls" | "ip_adapters"> = {};
  if (follow.length) asked.controls = follow.map(({ picture, how }) => ({ ...how, image: named(picture.picture) }));
  if (like.length) asked.ip_adapters = like.map(({ pictures, how }) => ({ ...how, images: pictures.map((each) => named(each.picture)) }));
  return asked;
}

/** The files that go beside them. */
export function guideFiles({ follow, like }: Guides): Files {
  const given: Files = {};
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
  return { follow: (await Promise.all(follow)).flat(), like: (await Promise.all(like)).flat() };
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
    const name = list === "controls" ? (`control_${Number(at)}` as const) : (`ip_adapter_${Number(at)}_${Number(index)}` as const);
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
    };
  }
  effect(() => {
    void kept.set(GUIDES, guides.value);
  });
}
