import type { Picture } from "../pictures";
import type { Box } from "./layout";

/** One picture of the grid: where it stands, and as how manieth of how many. */
export interface Cell {
  picture: Picture;
  box: Box;
  place: number;
  /** -1 as long as nobody knows how many there are. */
  of: number;
  focusable: boolean;
  focus(): void;
  /** Chooses it, or all up to it. */
  choose(along: boolean): void;
}
