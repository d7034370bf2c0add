/** Milliseconds until a picture that did not come is asked for again; each time twice as long. */
const FIRST = 1500;
const LONGEST = 60_000;
const MOST = 8;

const tries = new WeakMap<HTMLImageElement, { address: string; count: number }>();

/**
 * For `onError`: a picture that a busy server did not send is asked for again, later and later,
 * while it is on the page.
 */
export function askAgain({ currentTarget: image }: { currentTarget: HTMLImageElement }): void {
  const { src: address } = image;
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
