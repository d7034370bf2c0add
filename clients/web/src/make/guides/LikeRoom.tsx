import type { Model } from "../../api/types";
import { number } from "../../i18n";
import { guide, guides, liking, looking, looksItself, MOST, type Like, type Looked } from "../../state/form/guides";
import { mend } from "../../state/form/problems";
import { Choice } from "../settings/Choice";
import { Folded } from "../settings/Folded";
import { Range } from "../settings/Range";
import { Pick } from "./Pick";
import { Shown } from "./Shown";
import { Span } from "./Span";
import { t } from "./words";
import "./guides.css";

/** Pictures that the result is to be like. */
export function LikeRoom({ model }: { model: Model }) {
  const { like, looked } = guides.value;
  const set = (next: readonly Like[]) => guide({ like: next });
  const [first] = model.ip_adapters;
  // Several pictures go to one adapter; another one is for who has another.
  const another = !like.length || (model.ip_adapters.length > 1 && like.length < MOST.like);
  return (
    <div class="guides">
      <p class="muted">{t("likeHelp")}</p>
      {like.map((each, at) => (
        <Liked
          key={at}
          like={each}
          at={at}
          model={model}
          set={(some) => {
            const others = guides.peek().like;
            set(others.map((other, index) => (index === at ? { ...other, ...some } : other)));
          }}
          remove={() => {
            mend("/ip_adapters");
            set(like.filter((_, index) => index !== at));
          }}
        />
      ))}
      {first && another && (
        <Pick
          file={t("file")}
          gallery={t("gallery")}
          taken={(picture) => {
            const used = guides.peek().like.map(({ how }) => how.model);
            const adapter = model.ip_adapters.find((each) => !used.includes(each.name)) ?? first;
            set([...guides.peek().like, liking(picture, adapter)]);
          }}
        />
      )}
      {(looksItself(model) || looked) && <LookedAt looked={looked} />}
    </div>
  );
}

/** The picture that the network itself looks at, and how. */
function LookedAt({ looked }: { looked: Looked | null }) {
  const pointer = "/reference_only";
  const change = (some: Partial<Looked["how"]>) => {
    const now = guides.peek().looked;
    if (now) guide({ looked: { ...now, how: { ...now.how, ...some } } });
  };
  return (
    <fieldset class="guide">
      <legend>{t("looked")}</legend>
      <p class="muted">{t("lookedHelp")}</p>
      {!looked && <Pick file={t("file")} gallery={t("gallery")} taken={(picture) => guide({ looked: looking(picture) })} />}
      {looked && (
        <>
          <div class="guide-pictures">
            <Shown
              picture={looked.picture}
              name={t("lookedPicture")}
              pointer={`${pointer}/image`}
              remove={() => {
                mend(pointer);
                guide({ looked: null });
              }}
            />
          </div>
          {(["weight", "style_fidelity"] as const).map((name) => (
            <Range
              key={name}
              label={t(name === "weight" ? "weight" : "fidelity")}
              {...(name === "weight" ? {} : { help: t("fidelityHelp") })}
              said={number(looked.how[name], 2)}
              pointer={`${pointer}/${name}`}
              value={looked.how[name]}
              min={0}
              max={1}
              step={0.05}
              change={(value) => change({ [name]: value })}
            />
          ))}
          <Folded title={t("when")} pointers={["start", "end"].map((field) => `${pointer}/${field}`)}>
            <Span pointer={pointer} start={looked.how.start} end={looked.how.end} change={change} />
          </Folded>
        </>
      )}
    </fieldset>
  );
}

interface LikedProps {
  like: Like;
  at: number;
  model: Model;
  set(some: Partial<Like>): void;
  remove(): void;
}

/** The pictures of one adapter, how strongly and when. */
function Liked({ like: { pictures, how }, at, model, set, remove }: LikedProps) {
  const pointer = `/ip_adapters/${at}`;
  const known = model.ip_adapters.some((each) => each.name === how.model);
  const change = (some: Partial<Like["how"]>) => set({ how: { ...how, ...some } });
  return (
    <fieldset class="guide">
      <legend class={guides.value.like.length > 1 ? undefined : "unseen"}>{t("likeness", at + 1)}</legend>
      <div class="guide-pictures">
        {pictures.map((each, index) => (
          <Shown
            key={index}
            picture={each}
            name={t("liked", index + 1)}
            pointer={`${pointer}/images/${index}`}
            remove={() => {
              mend(`${pointer}/images`);
              if (pictures.length === 1) remove();
              else set({ pictures: pictures.filter((_, other) => other !== index) });
            }}
          />
        ))}
        {pictures.length < MOST.pictures && (
          <Pick
            file={t("more")}
            gallery={t("moreGallery")}
            taken={(picture) => set({ pictures: [...(guides.peek().like[at]?.pictures ?? []), picture] })}
          />
        )}
      </div>
      <Choice
        label={t("adapter")}
        pointer={`${pointer}/model`}
        value={how.model}
        options={[
          ...(known ? [] : [{ value: how.model, text: how.model }]),
          ...model.ip_adapters.map((each) => ({ value: each.name, text: each.title || each.name })),
        ]}
        change={(name) => change({ model: name })}
      />
      <Range
        label={t("weight")}
        said={number(how.weight, 2)}
        pointer={`${pointer}/weight`}
        value={how.weight}
        min={-1}
        max={2}
        most={4}
        step={0.05}
        change={(weight) => change({ weight })}
      />
      <Folded title={t("when")} pointers={["start", "end"].map((field) => `${pointer}/${field}`)}>
        <Span pointer={pointer} start={how.start} end={how.end} change={change} />
      </Folded>
      {how.mask && <p class="muted">{t("masked")}</p>}
    </fieldset>
  );
}
