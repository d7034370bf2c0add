/** Where the user is, in the address: back leads back, and a reload stays. */
import { signal } from "@preact/signals";
import { settled } from "./steps";

export type Place = "make" | "gallery" | "models" | "anatomy" | "server";

export interface Route {
  place: Place;
  /** What is open above the place, such as a picture's id. */
  open: string | null;
}

function read(): Route {
  const [place, open] = location.hash.replace(/^#\/?/, "").split("/");
  const known: Place[] = ["make", "gallery", "models", "anatomy", "server"];
  return {
    place: known.find((each) => each === place) ?? "make",
    open: open ? decoded(open) : null,
  };
}

/** What an address means; what was cut off on its way, in the middle of a letter, is nothing. */
function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

export const route = signal<Route>(read());

/** From where a picture of the gallery was opened, and how far down that was. */
let opener: { place: Place; y: number } | null = null;

/** A place that is come back to is as far down as it was left; one that is gone to begins at its top. */
function arrive(stepped: boolean): void {
  const before = route.peek();
  const now = read();
  const away = now.place !== before.place;
  if (away && now.place === "gallery") opener = now.open ? { place: before.place, y: scrollY } : null;
  route.value = now;
  // Each begins at its top; the gallery knows by itself where the user was.
  if (!away || now.place === "gallery") return;
  const back = stepped && before.open && opener?.place === now.place ? opener.y : 0;
  opener = null;
  scrollTo(0, 0);
  // Once the place is drawn: before that it is not so high.
  if (back) requestAnimationFrame(() => scrollTo(0, back));
}

addEventListener("hashchange", () => arrive(true));

/** Goes to a place. */
export function go(place: Place, open: string | null = null): void {
  const address = `#/${place}${open ? `/${encodeURIComponent(open)}` : ""}`;
  settled(() => {
    if (address === location.hash) return;
    // By history: to an address that is set, what lies over the page takes it for a step back.
    history.pushState(null, "", address);
    arrive(false);
  });
}

/** Shows something else in place of what is open: back leads past both. Done when it returns. */
export function turn(open: string): void {
  show(`#/${route.peek().place}/${encodeURIComponent(open)}`);
}

/** Closes what is open, as the back button would, without leaving the page. */
export function close(): void {
  const { place, open } = route.peek();
  if (open) show(`#/${place}`);
}

/** By history: an address that is replaced comes about later, and over a step back before it. */
function show(address: string): void {
  history.replaceState(null, "", address);
  route.value = read();
}
