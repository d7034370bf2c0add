/** How a picture is opened, turned and closed in the address, so that back does what is expected. */
import { close, turn } from "../../state/page/route";

/** Whether something of this page is behind the picture that is open, for back to lead to. */
let behind = false;

const isOpen = (url: string) => /#\/gallery\/./.test(url);

addEventListener("hashchange", (event) => {
  if (!isOpen(event.newURL)) behind = false;
  else if (!isOpen(event.oldURL)) behind = true;
});

/** Shows another picture in place of this one: back leads out, not through all that were seen. */
export function turnTo(id: string): void {
  turn(id);
}

/** Closes the picture that is open. */
export function leave(): void {
  if (behind) history.back();
  else close();
}
