import { useEffect, useRef, useState } from "preact/hooks";

/** Pictures that were fetched, by their addresses. */
const fetched = new Map<string, Promise<HTMLImageElement>>();

export function picture(url: string): Promise<HTMLImageElement> {
  let found = fetched.get(url);
  if (!found) {
    const image = new Image();
    image.src = url;
    found = image.decode().then(() => image);
    if (fetched.size > 60) fetched.delete(fetched.keys().next().value!);
    fetched.set(url, found);
  }
  return found;
}

/** One step of a sheet, every pixel of it a square. */
export function Cell(props: { url: string; column: number; row?: number; size: readonly number[]; label: string }) {
  const { url, column, row = 0, size, label } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, height] = [size[0] ?? 1, size[1] ?? 1];
  useEffect(() => {
    let here = true;
    void picture(url).then((image) => {
      const context = canvas.current?.getContext("2d");
      if (here && context) context.drawImage(image, column * width, row * height, width, height, 0, 0, width, height);
    });
    return () => void (here = false);
  }, [url, column, row, width, height]);
  return <canvas ref={canvas} class="latents" width={width} height={height} role="img" aria-label={label} />;
}

/** A picture with the places of a word lit up over it. */
export function Lit(props: {
  under: string;
  attention: { url: string; column: number; row: number; size: readonly number[] } | null;
  label: string;
}) {
  const { under, attention, label } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const [shown, show] = useState(under);
  useEffect(() => {
    let here = true;
    // The one before stays until the next is there.
    picture(under).then(
      () => here && show(under),
      () => undefined,
    );
    return () => void (here = false);
  }, [under]);
  const column = attention?.column;
  useEffect(() => {
    if (!attention) return;
    let here = true;
    void picture(attention.url).then((image) => {
      const context = canvas.current?.getContext("2d");
      const [width, height] = [attention.size[0] ?? 1, attention.size[1] ?? 1];
      if (!here || !context) return;
      const [left, top] = [attention.column * width, attention.row * height];
      context.drawImage(image, left, top, width, height, 0, 0, width, height);
      const pixels = context.getImageData(0, 0, width, height);
      for (let at = 0; at < pixels.data.length; at += 4) {
        const light = pixels.data[at]!;
        pixels.data.set([255, 122, 40, light * 0.85], at);
      }
      context.putImageData(pixels, 0, 0);
    });
    return () => void (here = false);
  }, [attention?.url, column, attention?.row]);
  return (
    <div class="lit">
      <img src={shown} alt={label} />
      {attention && (
        <canvas ref={canvas} width={attention.size[0]} height={attention.size[1]} aria-hidden="true" />
      )}
    </div>
  );
}
