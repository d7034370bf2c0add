/** What a stroke of each tool means. */
import type { Stroke } from "./mask/strokes";
import type { Tool } from "./tool";

export type Meant = Omit<Stroke, "dabs">;

/** An eraser takes away wholly, however lightly the brush paints. */
export function meant(tool: Tool, level: number, tolerance: number): Meant {
  const erase = tool === "eraser";
  const fills = tool === "fill" || tool === "eyedropper";
  return {
    erase,
    level: erase ? 1 : level,
    ...(tool === "lasso" ? { round: true } : {}),
    ...(fills ? { flood: { tolerance, everywhere: tool === "eyedropper" } } : {}),
  };
}
