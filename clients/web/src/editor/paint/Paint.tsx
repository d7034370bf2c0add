import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { Input } from "../../state/form/input";
import { Icon } from "../../ui/Icon";
import { later } from "../../ui/later";
import { Frame } from "../Frame";
import type { EditorProps } from "../props";
import { t } from "../words";
import { Choosers } from "./Choosers";
import { onKey } from "./keys";
import { Painter } from "./painter";
import { Stage } from "./Stage";
import { isChooser, ZOOM } from "./tool";
import { BY_COLOUR, Tools } from "./Tools";
import { settle } from "./unfinished";

/** It comes when it is opened: few servers have what it asks. */
const Choose = later(async () => (await import("./choose/Choose")).Choose);

/** Painting with a finger over what is to be repainted. */
export function Paint({ input, done, close }: EditorProps) {
  const painter = useMemo(() => new Painter(input), [input.url]);
  const lost = useSignal(false);
  useEffect(() => () => painter.close(), [painter]);
  const keep = async () => {
    const mask = await painter.png();
    settle();
    done({
      mask,
      ink: painter.ink,
      invert: painter.invert.peek(),
      feather: painter.feather.peek(),
      grey: painter.greys.peek() ? painter.grey.peek() : null,
    });
  };
  return (
    <Frame
      title={t("paintTitle")}
      changed={() => painter.changed}
      done={keep}
      close={() => {
        settle();
        close();
      }}
      bar={<Zoom painter={painter} />}
      onKeyDown={(event) => onKey(painter, event)}
    >
      <Stage input={input} painter={painter} lost={lost} />
      <div class="controls">
        <Above input={input} painter={painter} lost={lost.value} />
        <Tools painter={painter} width={input.width} height={input.height} />
      </div>
    </Frame>
  );
}

function Zoom({ painter }: { painter: Painter }) {
  const percent = useComputed(() => Math.round(painter.zoomed.value * 100));
  return (
    <div class="zoom">
      <button type="button" class="plain" aria-label={t("zoomOut")} onClick={() => painter.zoom(1 / ZOOM)}>
        <Icon name="minus" />
      </button>
      <button type="button" class="plain" aria-label={t("whole", percent.value)} onClick={() => painter.whole()}>
        {t("percent", percent.value)}
      </button>
      <button type="button" class="plain" aria-label={t("zoomIn")} onClick={() => painter.zoom(ZOOM)}>
        <Icon name="plus" />
      </button>
    </div>
  );
}

/** What the tool does, or how much is painted. */
function Above({ input, painter, lost }: { input: Input; painter: Painter; lost: boolean }) {
  const tool = painter.tool.value;
  const share = said(painter.share.value);
  if (!lost && isChooser(tool)) {
    return (
      <Choose key={tool} by={tool} input={input} painter={painter} share={share}>
        <Choosers painter={painter} />
      </Choose>
    );
  }
  return (
    <>
      <p class="muted said" role="status">
        {lost ? t("lost") : share || t(BY_COLOUR.has(tool) ? "hintColour" : matchMedia("(pointer: fine)").matches ? "hintMouse" : "hint")}
      </p>
      {!lost && <Choosers painter={painter} />}
    </>
  );
}

/** How much of the picture is repainted; empty where nothing is. */
function said(share: number): string {
  if (share <= 0) return "";
  return share < 0.01 ? t("shareLittle") : t("share", Math.floor(share * 100));
}
