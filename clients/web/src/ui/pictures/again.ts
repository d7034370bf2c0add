/** Pictures that do not come: an empty place stands for each, and they are asked for again. */

/** Milliseconds until a picture that did not come is asked for again; each time twice as long. */
const FIRST = 1500;
const LONGEST = 60_000;
const MOST = 8;

const tries = new WeakMap<HTMLImageElement, { address: string; count: number }>();

/** Those that are missing now. */
const missing = new Set<HTMLImageElement>();

/**
 * For `onError`: a picture that a busy server did not send is asked for again, later and later,
 * while it is on the page.
 */
export function askAgain({ currentTarget: image }: { currentTarget: HTMLImageElement }): void {
  const { src: address } = image;
  // The browser's own sign for it is not shown (style.css).
  image.dataset.missing = "";
  missing.add(image);
  image.addEventListener("load", come, { once: true });
  const before = tries.get(image);
  const count = before?.address === address ? before.count + 1 : 1;
  if (count > MOST) return;
  tries.set(image, { address, count });
  setTimeout(
    () => {
      if (image.isConnected && image.src === address) image.src = address;
    },
    Math.min(LONGEST, FIRST * 2 ** (count - 1)),
  );
}

function come({ currentTarget }: Event): void {
  const image = currentTarget as HTMLImageElement;
  delete image.dataset.missing;
  missing.delete(image);
}

/** Asks for those that are missing: a server that was away is back. */
export function askForMissing(): void {
  for (const image of missing) {
    tries.delete(image);
    if (image.isConnected) image.src = image.src;
    else missing.delete(image);
  }
}
