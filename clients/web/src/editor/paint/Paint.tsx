import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { Icon } from "../../ui/Icon";
import { Frame } from "../Frame";
import type { EditorProps } from "../props";
import { t } from "../words";
import { onKey } from "./keys";
import { Painter } from "./painter";
import { Stage } from "./Stage";
import { ZOOM } from "./tool";
import { BY_COLOUR, Tools } from "./Tools";
import { settle } from "./unfinished";

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
      invert: painter.invert.peek(),
      feather: painter.feather.peek(),
      grey: painter.greys.peek() ? painter.grey.peek() : null,
    });
  };
  return (
    <Frame
      title={t("paintTitle")}
      changed={() => painter.changed}
      done={() => void keep()}
      close={() => {
        settle();
        close();
      }}
      bar={<Zoom painter={painter} />}
      onKeyDown={(event) => onKey(painter, event)}
    >
      <Stage input={input} painter={painter} lost={lost} />
      <div class="controls">
        <Share painter={painter} lost={lost.value} />
        <Tools painter={painter} shortest={Math.min(input.width, input.height)} />
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

function Share({ painter, lost }: { painter: Painter; lost: boolean }) {
  const share = painter.share.value;
  return (
    <p class="muted said" role="status">
      {lost ? t("lost") : share > 0 ? share < 0.01 ? t("shareLittle") : t("share", Math.floor(share * 100)) : t(BY_COLOUR.has(painter.tool.value) ? "hintColour" : "hint")}
    </p>
  );
}
