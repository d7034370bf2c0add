/** What there is to paint with. */
import type { Model } from "../../api/types";

export type Tool = "brush" | "eraser" | "lasso" | "fill" | "eyedropper" | "hand" | Chooser;

/** What chooses by a model of the server: what words say, or what stands where the picture is tapped. */
export type Chooser = "word" | "tap";

/** What a model of the server may be told of what is meant, by the tool that tells it. */
const TOLD = { word: "words", tap: "points" } as const;

export function isChooser(tool: Tool): tool is Chooser {
  return tool in TOLD;
}

/** The tools that the server has models for. */
export function choosersOf(model: Pick<Model, "segmenters"> | null): readonly Chooser[] {
  const told = new Set(model?.segmenters?.map(({ task }) => task));
  return (["word", "tap"] as const).filter((each) => told.has(TOLD[each]));
}

/** Tools that mean a place, and not the way that a finger goes. */
export const AT_ONCE: ReadonlySet<Tool> = new Set(["fill", "eyedropper", "tap"]);

/** Tools with which a finger moves the picture. */
export const MOVES: ReadonlySet<Tool> = new Set(["hand", "word"]);

/** Diameters of the brush in pixels of the page. */
export const SMALLEST = 4;
export const LARGEST = 160;

/** How much closer one press of a button or key brings the picture. */
export const ZOOM = 1.5;
