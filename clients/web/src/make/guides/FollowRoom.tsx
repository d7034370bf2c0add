import { useEffect } from "preact/hooks";
import type { Model } from "../../api/types";
import { number } from "../../i18n";
import { following, guide, guides, loadPreprocessors, MOST, preprocessors, usual, type Follow } from "../../state/form/guides";
import { mend } from "../../state/form/problems";
import { Choice } from "../settings/Choice";
import { Folded } from "../settings/Folded";
import { Range } from "../settings/Range";
import { MapLook } from "./MapLook";
import { Pick } from "./Pick";
import { Shown } from "./Shown";
import { Span } from "./Span";
import { t } from "./words";
import "./guides.css";

/** Pictures whose outlines, depth or poses the result follows. */
export function FollowRoom({ model }: { model: Model }) {
  const { follow } = guides.value;
  const set = (next: readonly Follow[]) => guide({ follow: next });
  const [first] = model.controlnets;
  useEffect(() => void loadPreprocessors().catch(() => undefined), []);
  return (
    <div class="guides">
      <p class="muted">{t("followHelp")}</p>
      {follow.map((each, at) => (
        <Followed
          key={at}
          follow={each}
          at={at}
          model={model}
          set={(how) => set(follow.map((other, index) => (index === at ? { ...each, how: { ...each.how, ...how } } : other)))}
          remove={() => {
            // Places count from 0: what was wrong with a later one would stand beside another.
            mend("/controls");
            set(follow.filter((_, index) => index !== at));
          }}
        />
      ))}
      {first && follow.length < MOST.follow && (
        <Pick
          file={t(follow.length ? "more" : "file")}
          gallery={t(follow.length ? "moreGallery" : "gallery")}
          taken={(picture) => set([...guides.peek().follow, following(picture, first)])}
        />
      )}
    </div>
  );
}

const MODES = ["balanced", "prompt", "control", "guess"] as const;

interface FollowedProps {
  follow: Follow;
  at: number;
  model: Model;
  set(some: Partial<Follow["how"]>): void;
  remove(): void;
}

/** One of them: its net, what makes its map, how strongly and when. */
function Followed({ follow: { picture, how }, at, model, set, remove }: FollowedProps) {
  const pointer = `/controls/${at}`;
  const net = model.controlnets.find((each) => each.name === how.model);
  const name = t("followed", at + 1);
  const maps = model.preprocessors.map((each) => ({ value: each.name, text: each.title || each.name }));
  return (
    <fieldset class="guide">
      <legend>{name}</legend>
      <Shown picture={picture} name={name} pointer={`${pointer}/image`} remove={remove} />
      <Choice
        label={t("net")}
        pointer={`${pointer}/model`}
        value={how.model}
        options={[
          ...(net ? [] : [{ value: how.model, text: how.model }]),
          ...model.controlnets.map((each) => ({ value: each.name, text: each.title || each.name })),
        ]}
        change={(chosen) => {
          const next = model.controlnets.find((each) => each.name === chosen);
          const prepared = how.preprocessor === usual(net) ? usual(next) : how.preprocessor;
          set({ model: chosen, preprocessor: prepared, control_type: null });
        }}
      />
      <Choice
        label={t("preprocessor")}
        pointer={`${pointer}/preprocessor`}
        value={how.preprocessor}
        options={[
          ...preprocessors.value.map((each) => ({ value: each, text: t(each as "none") || each })),
          ...maps,
          ...([...preprocessors.value, ...maps.map(({ value }) => value)].includes(how.preprocessor)
            ? []
            : [{ value: how.preprocessor, text: how.preprocessor }]),
        ]}
        change={(preprocessor) => {
          mend(`${pointer}/control_type`);
          set({ preprocessor });
        }}
      />
      <MapLook picture={picture} preprocessor={how.preprocessor} />
      {(!!net?.control_types.length || how.control_type) && (
        <Choice
          label={t("kind")}
          pointer={`${pointer}/control_type`}
          value={how.control_type ?? ""}
          options={[
            { value: "", text: t("byPreprocessor") },
            ...(net?.control_types ?? []).map((each) => ({ value: each, text: each })),
          ]}
          change={(kind) => set({ control_type: (kind || null) as NonNullable<Follow["how"]["control_type"]> | null })}
        />
      )}
      <Range
        label={t("weight")}
        said={number(how.weight, 2)}
        pointer={`${pointer}/weight`}
        value={how.weight}
        min={0}
        max={2}
        most={4}
        step={0.05}
        change={(weight) => set({ weight })}
      />
      <Folded title={t("when")} pointers={["start", "end", "control_mode"].map((field) => `${pointer}/${field}`)}>
        <Span pointer={pointer} start={how.start} end={how.end} change={set} />
        <Choice
          label={t("mode")}
          pointer={`${pointer}/control_mode`}
          value={how.control_mode}
          options={MODES.map((each) => ({ value: each, text: t(each) }))}
          change={(mode) => set({ control_mode: mode as (typeof MODES)[number] })}
        />
      </Folded>
      {how.mask && <p class="muted">{t("masked")}</p>}
    </fieldset>
  );
}
