/** The picture to start from, and what is to be done with it. It survives a reload. */
import { effect, signal } from "@preact/signals";
import { Kept } from "../kept";
import type { Spot } from "./layers";
import type { Size } from "./sizes";

/** What can be done with a picture, the first one first. */
export const USES = ["edit", "image-to-image", "inpaint", "outpaint", "variations", "upscale"] as const;

export type Use = (typeof USES)[number];

export interface Edges {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

/** What grey in a mask may mean: the result changes less there, the old picture shows through, or
 * it is all or nothing. */
export const MASK_GREYS = ["strength", "mix", "cut"] as const;

export type MaskGrey = (typeof MASK_GREYS)[number];

/** A picture that a request takes. */
export interface Given {
  /** The picture itself, or the id of one that the server has. */
  picture: Blob | string;
  /** Where to show it from. */
  url: string;
  width: number;
  height: number;
}

/** A picture to start from, and what to do with it. */
export interface Input extends Given {
  use: Use;
  /** What it shows, where that is known: what is only enlarged goes by it. */
  words?: string;
  /** How large the file was, where it was made smaller to be sent. */
  full?: Size | null;
  /** That file in its own pixels, where the server takes it: what is painted is put back into it. */
  original?: Blob | null;
  /** More pictures that an edit speaks of. */
  more: readonly Given[];
  /** White is repainted; of the picture's size. */
  mask: Blob | null;
  /** The colours in which the mask was painted, by which it is seen on the picture. */
  ink?: { readonly full: string; readonly line: string } | null;
  invert: boolean;
  /** Pixels over which the mask's edge is softened. */
  feather: number;
  /** What its greys mean; null as long as it has none. */
  grey: MaskGrey | null;
  expand: Edges;
  /** Where on a canvas of several steps it lies. */
  canvas?: Spot | null;
}

/** How far to go from a picture where the user does not say, by what is done with it. */
export const STRENGTH: Readonly<Record<Use, number>> = {
  edit: 1,
  "image-to-image": 0.6,
  inpaint: 1,
  outpaint: 1,
  variations: 0.6,
  upscale: 0,
};

export const NO_EDGES: Edges = { left: 0, top: 0, right: 0, bottom: 0 };

export const input = signal<Input | null>(null);

/** What a request says of the picture that it starts from. */
interface Said {
  mask_invert?: boolean;
  mask_blur?: number;
  mask_grey?: MaskGrey;
  expand?: Partial<Edges> | null;
}

/** A picture as one to start from, with what a request said of it before. */
export function inputOf(
  picture: Pick<Input, "use" | "picture" | "url" | "width" | "height" | "words" | "full" | "original">,
  said: Said = {},
  mask: Blob | null = null,
  more: readonly Given[] = [],
): Input {
  return {
    ...picture,
    more,
    mask,
    invert: said.mask_invert ?? false,
    feather: said.mask_blur ?? 4,
    grey: said.mask_grey ?? null,
    expand: { ...NO_EDGES, ...said.expand },
  };
}

/** A database of the browser's takes files. */
const inputs = new Kept<Input | null>("darkroom-input", "input");

const INPUT = "input";

/** The id of a picture that the server has; a file of its own takes the place of any other word. */
export function named(picture: Blob | string): string {
  return typeof picture === "string" ? picture : "file";
}

/** The picture with an address that this page can show it from. */
export function shown<T extends Given>(given: T): T {
  return typeof given.picture === "string" ? given : { ...given, url: URL.createObjectURL(given.picture) };
}

export async function restoreInput(): Promise<void> {
  const found = await inputs.get(INPUT);
  if (found && !input.peek()) {
    // One that was kept before there were edits has no others.
    input.value = { ...found, ...shown(found), more: (found.more ?? []).map(shown) };
  }
  effect(() => {
    void inputs.set(INPUT, input.value);
  });
}
