/** Strokes that nobody has said yes or no to: they are there again after a reload. */
import type { Input } from "../../state/form/input";
import { Kept } from "../../state/kept";
import type { Step } from "./mask/strokes";

interface Unfinished {
  /** Which picture they are on. */
  picture: string;
  steps: readonly Step[];
  feather: number;
}

const kept = new Kept<Unfinished>("darkroom-strokes", "strokes");

const LAST = "last";

/** What a picture is known by; a file has no name once it lay in the browser's database. */
function nameOf({ picture, width, height }: Input): string {
  return typeof picture === "string" ? picture : `${picture.size} ${width} ${height}`;
}

/** Keeps what was done on a picture. */
export function keep(input: Input, steps: readonly Step[], feather: number): void {
  void kept.set(LAST, { picture: nameOf(input), steps, feather });
}

/** What was done on this picture, if that is what was done last. */
export async function unfinished(input: Input): Promise<Omit<Unfinished, "picture"> | null> {
  const found = await kept.get(LAST);
  return found?.picture === nameOf(input) ? found : null;
}

/** The user is done with them. */
export function settle(): void {
  void kept.drop(LAST);
}
