import { useSignal } from "@preact/signals";
import { MASK_GREYS, type MaskGrey } from "../../state/form/input";
import type { Size } from "../../state/form/sizes";
import { Icon, type IconName } from "../../ui/Icon";
import { t } from "../words";
import type { Painter } from "./painter";
import { isChooser, LARGEST, SMALLEST, type Chooser, type Tool } from "./tool";

/** The most that the server softens an edge by. */
const SOFTEST = 64;

const TOOLS: readonly Exclude<Tool, Chooser>[] = ["brush", "lasso", "fill", "eyedropper", "eraser", "hand"];

/** Those that go by the colours of the picture. */
export const BY_COLOUR: ReadonlySet<Tool> = new Set(["fill", "eyedropper"]);

/** What to paint with. */
export function Tools({ painter, width, height }: { painter: Painter } & Size) {
  const { done, undone } = painter.history.value;
  const shortest = Math.min(width, height);
  const softest = Math.max(painter.feather.value, Math.min(SOFTEST, Math.max(8, Math.round(shortest / 8))));
  return (
    <>
      <div class="palette" role="group" aria-label={t("tools")}>
        {TOOLS.filter((tool) => painter.reads.value || !BY_COLOUR.has(tool)).map((tool) => (
          <Tap
            key={tool}
            icon={tool}
            label={t(tool)}
            pressed={painter.tool.value === tool}
            run={() => (painter.tool.value = tool)}
          />
        ))}
        <Tap icon="undo" label={t("undo")} disabled={!done.length} run={() => painter.undo()} />
        <Tap icon="redo" label={t("redo")} disabled={!undone.length} run={() => painter.redo()} />
        <Tap
          icon="invert"
          label={t("invert")}
          pressed={painter.invert.value}
          run={() => painter.setInvert(!painter.invert.value)}
        />
        <Tap icon="trash" label={t("clear")} run={() => painter.clear()} />
      </div>
      <div class="sliders">
        {BY_COLOUR.has(painter.tool.value) ? (
          <label>
            <span>{t("tolerance")}</span> <b>{t("percent", Math.round(painter.tolerance.value * 100))}</b>
            <input
              type="range"
              min="0"
              max="60"
              value={Math.round(painter.tolerance.value * 100)}
              onInput={(event) => (painter.tolerance.value = event.currentTarget.valueAsNumber / 100)}
            />
          </label>
        ) : (
          !isChooser(painter.tool.value) && <SizeSlider painter={painter} />
        )}
        <label>
          <span>{t("level")}</span> <b>{t("percent", Math.round(painter.level.value * 100))}</b>
          <input
            type="range"
            min="10"
            max="100"
            step="10"
            value={Math.round(painter.level.value * 100)}
            onInput={(event) => (painter.level.value = event.currentTarget.valueAsNumber / 100)}
          />
        </label>
        <label>
          <span>{t("feather")}</span> <b>{t("pixelsOf", painter.feather.value, Math.max(width, height))}</b>
          <input
            type="range"
            min="0"
            max={softest}
            value={painter.feather.value}
            onInput={(event) => painter.setFeather(event.currentTarget.valueAsNumber)}
          />
        </label>
        {painter.greys.value && <Grey painter={painter} />}
      </div>
    </>
  );
}

/** What it means that something is painted lightly. */
function Grey({ painter }: { painter: Painter }) {
  return (
    <label class="grey">
      <span>{t("grey")}</span>
      <select
        value={painter.grey.value}
        onChange={(event) => (painter.grey.value = event.currentTarget.value as MaskGrey)}
      >
        {MASK_GREYS.map((each) => (
          <option key={each} value={each}>
            {t(`grey-${each}`)}
          </option>
        ))}
      </select>
    </label>
  );
}

function SizeSlider({ painter }: { painter: Painter }) {
  const sliding = useSignal(false);
  const size = painter.size.value;
  return (
    <label>
      <span>{t("size")}</span> <b>{t("pixels", size)}</b>
      <input
        type="range"
        min={SMALLEST}
        max={LARGEST}
        step="2"
        value={size}
        onInput={(event) => {
          painter.setSize(event.currentTarget.valueAsNumber);
          sliding.value = true;
        }}
        onChange={() => (sliding.value = false)}
        onBlur={() => (sliding.value = false)}
      />
      {sliding.value && (
        <span class="sample" style={{ width: `${size}px`, height: `${size}px` }} aria-hidden="true" />
      )}
    </label>
  );
}

interface TapProps {
  icon: IconName;
  label: string;
  pressed?: boolean;
  disabled?: boolean;
  run(): void;
}

function Tap({ icon, label, pressed, disabled, run }: TapProps) {
  return (
    <button
      type="button"
      class="plain"
      aria-label={label}
      title={label}
      aria-pressed={pressed}
      disabled={disabled}
      onClick={run}
    >
      <Icon name={icon} />
    </button>
  );
}
