import { useEffect, useRef, useState } from "preact/hooks";
import { drawn } from "../../api/models/anatomy";
import { sentence } from "../../ui/sentence";

/** Pictures that were fetched, by their addresses. */
const fetched = new Map<string, Promise<HTMLImageElement>>();

const KEPT = 60;

/** Fetched as everything else is: an `<img>` of another origin brings no token, and taints what it
 * is drawn on. */
function picture(url: string): Promise<HTMLImageElement> {
  let found = fetched.get(url);
  if (!found) {
    found = drawn(url).then(async (blob) => {
      const image = new Image();
      image.src = URL.createObjectURL(blob);
      await image.decode();
      return image;
    });
    found.catch(() => fetched.delete(url));
    if (fetched.size >= KEPT) forget(fetched.keys().next().value!);
    fetched.set(url, found);
  }
  return found;
}

function forget(url: string): void {
  void fetched.get(url)?.then((image) => URL.revokeObjectURL(image.src), () => undefined);
  fetched.delete(url);
}

/** A picture by its address. The one before stays until it is there; `problem` is why it is not. */
export function usePicture(url: string | null): { image: HTMLImageElement | null; waiting: boolean; problem: unknown } {
  const [found, set] = useState<{ url: string; image: HTMLImageElement | null; problem: unknown } | null>(null);
  useEffect(() => {
    if (!url) return;
    let here = true;
    picture(url).then(
      (image) => here && set({ url, image, problem: null }),
      (problem: unknown) => here && set({ url, image: null, problem }),
    );
    return () => void (here = false);
  }, [url]);
  if (!url) return { image: null, waiting: false, problem: null };
  return { image: found?.image ?? null, waiting: found?.url !== url, problem: found?.url === url ? found.problem : null };
}

/** A place on a sheet of small pictures of this size. */
export interface Place {
  column: number;
  row: number;
  size: readonly number[];
}

function cut(image: HTMLImageElement, { column, row, size }: Place, onto: CanvasRenderingContext2D): void {
  const [width, height] = [size[0] ?? 1, size[1] ?? 1];
  onto.clearRect(0, 0, width, height);
  onto.drawImage(image, column * width, row * height, width, height, 0, 0, width, height);
}

/** One step of a sheet, every pixel of it a square. */
export function Cell(props: { url: string; column: number; size: readonly number[]; label: string }) {
  const { url, column, size, label } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const { image } = usePicture(url);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (image && context) cut(image, { column, row: 0, size }, context);
  }, [image, column, size[0], size[1]]);
  return <canvas ref={canvas} class="latents" width={size[0]} height={size[1]} role="img" aria-label={label} />;
}

/** How dark it gets where there is no light: lit places keep the picture's own colours. */
const DARK = 0.82;

/** A picture, lit by a place of a sheet. */
export function Lit(props: { under: string; sheet: HTMLImageElement | null; place: Place; label: string }) {
  const { under, sheet, place, label } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const { image, problem } = usePicture(under);
  useEffect(() => {
    const context = canvas.current?.getContext("2d", { willReadFrequently: true });
    if (!sheet || !context) return;
    cut(sheet, place, context);
    const pixels = context.getImageData(0, 0, place.size[0] ?? 1, place.size[1] ?? 1);
    for (let at = 0; at < pixels.data.length; at += 4) {
      pixels.data.set([0, 0, 0, (255 - pixels.data[at]!) * DARK], at);
    }
    context.putImageData(pixels, 0, 0);
  }, [sheet, place.column, place.row, place.size[0], place.size[1]]);
  return (
    <div class="lit">
      {image && <img src={image.src} alt={label} />}
      {sheet && <canvas ref={canvas} width={place.size[0]} height={place.size[1]} aria-hidden="true" />}
      {problem !== null && <p class="error">{sentence(problem)}</p>}
    </div>
  );
}
