/** The file of a picture as the server keeps it. */
import { file } from "../../api/images";
import type { Output } from "../../api/types";

/** Files that stay at hand: browsers let a page copy and share only shortly after a tap. */
const MOST = 3;

const held = new Map<string, Promise<Blob>>();

export function original(output: Output): Promise<Blob> {
  const coming = held.get(output.id) ?? file(output);
  held.delete(output.id);
  held.set(output.id, coming);
  coming.catch(() => held.delete(output.id));
  for (const id of held.keys()) {
    if (held.size <= MOST) break;
    held.delete(id);
  }
  return coming;
}
