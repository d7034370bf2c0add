import { useEffect, useMemo } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { source } from "../../api/images";
import type { Job } from "../../api/types";
import { uuid } from "../../browser";
import { change } from "../../state/form/draft";
import { input, inputOf } from "../../state/form/input";
import { find, ids } from "../../state/live/jobs";
import { bounds, canvases, choose, edgesOf, foreign, learn, show, spotOfJob, throwAway, type Box, type Canvas, type Layer, type Take } from "../../state/form/layers";
import { lead } from "../../state/page/attention";
import { toast } from "../../state/page/toasts";
import { Icon } from "../../ui/Icon";
import { sentence } from "../../ui/sentence";
import { flatten } from "./flatten";
import "./layers.css";
import { t } from "./words";

/** What the steps of a picture that grows added: each can be hidden, put back or thrown away, and the
 * next step goes on from what is shown. */
export function LayersRoom({ id }: { id: string }) {
  const canvas = canvases.value.get(id);
  const busy = useSignal(false);
  const made = ids.value
    .flatMap((each) => find(each)?.job.value ?? [])
    .filter((job) => job.status === "succeeded" && spotOfJob(job)?.id === id);
  useEffect(() => {
    for (const job of made.slice().reverse()) if (learn(job)) goOnFrom(job);
  }, [made.map((job) => job.id).join()]);
  if (!canvas || canvas.layers.length < 2) return null;
  const box = bounds(canvas.layers);
  const goOn = async () => {
    busy.value = true;
    try {
      const flat = await flatten(canvas);
      if (flat) {
        takeOn(id, flat);
        // What it changed stands above, out of a phone's sight.
        lead("form");
      }
    } catch (error) {
      toast(sentence(error, false));
    }
    busy.value = false;
  };
  return (
    <section class="layers" aria-label={t("layers")}>
      <h3>{t("layers")}</h3>
      <p class="muted">{t("help")}</p>
      {box && <Seen canvas={canvas} box={box} />}
      <ol>
        {canvas.layers.map((layer, at) => (
          <Row key={layer.image} canvas={id} layer={layer} name={at ? t("step", at) : t("first")} />
        )).reverse()}
      </ol>
      <button type="button" disabled={!box || busy.value} onClick={() => void goOn()}>
        <Icon name="expand" />
        {t("goOn")}
      </button>
    </section>
  );
}

/** What a step made is what the next one starts from, unless the form has gone on to something else. */
function goOnFrom(job: Job): void {
  const [output] = job.outputs;
  const [from, spot] = [input.peek(), spotOfJob(job)];
  const { kind, metadata } = job.input;
  // A picture that is being painted on is not taken away.
  if (!output || !spot || !from || from.use !== kind || document.querySelector("dialog[open]")) return;
  if (from.canvas?.id !== spot.id || from.canvas.x !== metadata?.canvas_x || from.canvas.y !== metadata.canvas_y) return;
  const { left, top, right, bottom } = edgesOf(job.input);
  const same = kind !== "outpaint" || (from.expand.left === left && from.expand.top === top && from.expand.right === right && from.expand.bottom === bottom);
  if (!same || from.width + left + right !== output.width || from.height + top + bottom !== output.height) return;
  const { id: picture, width, height } = output;
  input.value = { ...inputOf({ use: "outpaint", picture, url: source(output), width, height }), canvas: spotOfJob(job, picture) };
}

/** Another take is seen, and what was to go on from the one before goes on from it. */
function changeTake(canvas: string, layer: Layer, { image, picture }: Take): void {
  choose(canvas, image);
  const from = input.peek();
  if (!from?.canvas || from.canvas.id !== canvas || from.picture !== layer.image) return;
  const url = typeof picture === "string" ? picture : URL.createObjectURL(picture);
  input.value = { ...from, picture: image, url, mask: null, canvas: { ...from.canvas, from: image } };
}

/** What is shown becomes what the next step starts from: where it has holes, they are filled first. */
function takeOn(id: string, { picture, holes, x, y, width, height }: NonNullable<Awaited<ReturnType<typeof flatten>>>): void {
  change({ strength: null });
  const url = URL.createObjectURL(picture);
  const use = holes ? "inpaint" : "outpaint";
  input.value = { ...inputOf({ use, picture, url, width, height }, {}, holes), canvas: { id, x, y, from: uuid() } };
}

function Row({ canvas, layer, name }: { canvas: string; layer: Layer; name: string }) {
  const url = useUrl(layer);
  const { takes = [] } = layer;
  const at = takes.findIndex(({ image }) => image === layer.image);
  return (
    <li class={layer.hidden ? "hidden" : ""}>
      <img src={url} alt="" />
      <span>
        {name}
        {takes.length > 1 && (
          <button type="button" class="plain" aria-label={t("nextTake", name)} onClick={() => changeTake(canvas, layer, takes[(at + 1) % takes.length]!)}>
            {t("take", at + 1, takes.length)}
          </button>
        )}
      </span>
      <button
        type="button"
        class="plain"
        aria-pressed={!layer.hidden}
        aria-label={t("shown", name)}
        title={t("shown", name)}
        onClick={() => show(canvas, layer.image, !layer.hidden)}
      >
        <Icon name={layer.hidden ? "unseen" : "seen"} />
      </button>
      {layer.image && (
        <button
          type="button"
          class="plain"
          aria-label={t("throwAway", name)}
          title={t("throwAway", name)}
          onClick={() => throwAway(canvas, layer.image)}
        >
          <Icon name="trash" />
        </button>
      )}
    </li>
  );
}

function Seen({ canvas, box }: { canvas: Canvas; box: Box }) {
  return (
    <div
      class="layers-shown"
      role="img"
      aria-label={t("canvas")}
      style={{ aspectRatio: `${box.width} / ${box.height}`, "--shape": box.width / box.height }}
    >
      {canvas.layers.map((layer) => !layer.hidden && <Piece key={layer.image} layer={layer} box={box} />)}
    </div>
  );
}

/** A layer in its place, with a window where it is not its own. */
function Piece({ layer, box }: { layer: Layer; box: Box }) {
  const share = (part: number, whole: number) => `${(100 * part) / whole}%`;
  const gone = foreign(layer);
  const [left, right] = gone ? [share(gone.x, layer.width), share(gone.x + gone.width, layer.width)] : [];
  const [top, bottom] = gone ? [share(gone.y, layer.height), share(gone.y + gone.height, layer.height)] : [];
  const window = `${left} ${top}, ${right} ${top}, ${right} ${bottom}, ${left} ${bottom}, ${left} ${top}`;
  return (
    <img
      src={useUrl(layer)}
      alt=""
      style={{
        left: share(layer.x - box.x, box.width),
        top: share(layer.y - box.y, box.height),
        width: share(layer.width, box.width),
        height: share(layer.height, box.height),
        clipPath: gone ? `polygon(evenodd, 0 0, 100% 0, 100% 100%, 0 100%, 0 0, ${window})` : undefined,
      }}
    />
  );
}

function useUrl({ picture }: Layer): string {
  const url = useMemo(() => (typeof picture === "string" ? picture : URL.createObjectURL(picture)), [picture]);
  useEffect(() => () => void (typeof picture !== "string" && URL.revokeObjectURL(url)), [url]);
  return url;
}
