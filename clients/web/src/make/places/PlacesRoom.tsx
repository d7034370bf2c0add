import { useId } from "preact/hooks";
import type { Model } from "../../api/types";
import { number } from "../../i18n";
import { change, draft } from "../../state/form/draft";
import { input } from "../../state/form/input";
import { inside, LEAST, MOST_PLACES, nextBox, type Box, type Place } from "../../state/form/places";
import { mend } from "../../state/form/problems";
import { Icon } from "../../ui/Icon";
import { useProblem } from "../problems";
import { Folded } from "../settings/Folded";
import { Range } from "../settings/Range";
import { Frame } from "./Frame";
import { t } from "./words";
import "./places.css";

/** Prompts for parts of the picture: boxes in a frame of its shape, and what is in each. */
export function PlacesRoom({ model }: { model: Model }) {
  const { regions, width, height } = draft.value;
  const source = input.value;
  const size = source ?? { width: width ?? model.width, height: height ?? model.height };
  const room = regions.length < MOST_PLACES;
  const set = (next: readonly Place[]) => change({ regions: next });
  const put = (at: number, some: Partial<Place>) => set(draft.peek().regions.map((each, index) => (index === at ? { ...each, ...some } : each)));
  const add = (box: Box) => set([...draft.peek().regions, { prompt: "", box, mask: null, weight: 1 }]);
  const remove = (at: number) => {
    // Places count from 0: what was wrong with a later one would stand beside another.
    mend("/regions");
    set(draft.peek().regions.filter((_, index) => index !== at));
  };
  return (
    <div class="guides">
      <p class="muted">{t("help")}</p>
      <Frame
        size={size}
        under={source?.url}
        places={regions}
        room={room}
        add={add}
        put={(at, box) => {
          mend(`/regions/${at}/box`);
          put(at, { box });
        }}
        remove={remove}
      />
      {room && (
        <button type="button" class="add" onClick={() => add(nextBox(draft.peek().regions))}>
          <Icon name="plus" />
          {t("add")}
        </button>
      )}
      {regions.map((each, at) => (
        <Placed key={at} place={each} at={at} set={(some) => put(at, some)} remove={() => remove(at)} />
      ))}
    </div>
  );
}

interface PlacedProps {
  place: Place;
  at: number;
  set(some: Partial<Place>): void;
  remove(): void;
}

/** What is in one place, how much it says, and where it is in numbers. */
function Placed({ place: { prompt, box, weight }, at, set, remove }: PlacedProps) {
  const id = useId();
  const pointer = `/regions/${at}`;
  const problem = useProblem([`${pointer}/prompt`]);
  return (
    <fieldset class="guide">
      <legend>{t("place", at + 1)}</legend>
      <div class="place-said">
        <div class="field">
          <label for={id}>{t("what", at + 1)}</label>
          <textarea
            id={id}
            rows={2}
            dir="auto"
            value={prompt}
            aria-invalid={problem ? true : undefined}
            aria-describedby={problem ? `${id}-help` : undefined}
            onInput={(event) => {
              mend(`${pointer}/prompt`);
              set({ prompt: event.currentTarget.value });
            }}
          />
          {problem && (
            <p id={`${id}-help`} class="error">
              {problem}
            </p>
          )}
        </div>
        <button type="button" class="plain" aria-label={t("remove", at + 1)} title={t("remove", at + 1)} onClick={remove}>
          <Icon name="close" />
        </button>
      </div>
      <Range
        label={t("weight")}
        said={number(weight, 2)}
        pointer={`${pointer}/weight`}
        value={weight}
        min={0.05}
        max={1}
        step={0.05}
        change={(value) => set({ weight: value })}
      />
      {box ? <Exactly pointer={`${pointer}/box`} box={box} set={(next) => set({ box: next })} /> : <Masked pointer={`${pointer}/mask`} />}
    </fieldset>
  );
}

function Masked({ pointer }: { pointer: string }) {
  const problem = useProblem([pointer]);
  return <p class={problem ? "error" : "muted"}>{problem || t("masked")}</p>;
}

const SIDES = ["left", "top", "width", "height"] as const;

/** A box in numbers, for who draws none. */
function Exactly({ pointer, box, set }: { pointer: string; box: Box; set(box: Box): void }) {
  const problem = useProblem([pointer]);
  return (
    <Folded title={t("exactly")} pointers={[pointer]}>
      <div class="pair">
        {SIDES.map((side) => (
          <label key={side}>
            {t(side)}
            <input
              type="number"
              inputMode="numeric"
              min={side === "left" || side === "top" ? 0 : LEAST * 100}
              max={100}
              value={Math.round(box[side] * 100)}
              aria-invalid={problem ? true : undefined}
              onChange={(event) => {
                const percent = event.currentTarget.valueAsNumber;
                mend(pointer);
                const next = Number.isFinite(percent) ? inside({ ...box, [side]: percent / 100 }) : box;
                set(next);
                // What was brought inside the picture must not stand there as it was typed.
                event.currentTarget.value = String(Math.round(next[side] * 100));
              }}
            />
          </label>
        ))}
      </div>
      {problem && <p class="error">{problem}</p>}
    </Folded>
  );
}
