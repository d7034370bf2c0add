/** What there is to paint with. */

export type Tool = "brush" | "eraser" | "lasso" | "fill" | "eyedropper" | "hand";

/** Diameters of the brush in pixels of the page. */
export const SMALLEST = 4;
export const LARGEST = 160;

/** How much closer one press of a button or key brings the picture. */
export const ZOOM = 1.5;
