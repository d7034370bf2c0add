import type { ComponentChildren } from "preact";
import type { Model } from "../api/types";
import { bytes, listed } from "../i18n";
import { model as chosen } from "../state/form/models";
import { go } from "../state/page/route";
import { Cover } from "../ui/models/Cover";
import { familyName } from "../ui/models/family";
import { Icon } from "../ui/Icon";
import { Readiness } from "../ui/models/Readiness";
import { sizesOf } from "../ui/models/sizes";
import { titleOf, type Fitting } from "./shelf";
import { useAddOn, useModel } from "./use";
import { t } from "./words";

/** A model at a glance; a tap anywhere but on its button shows all of it. */
export function ModelCard({ model }: { model: Model }) {
  const { name, title, family, kinds } = model;
  const facts = [familyName(family), model.bytes ? bytes(model.bytes) : ""].filter(Boolean);
  return (
    <li class="card-of-model">
      <Front name={title} family={family} url={model.preview_url} open={name} />
      <Title title={title}>
        {model.default && <span class="badge">{t("standard")}</span>}
        {model.pinned && <span class="badge">{t("pinned")}</span>}
      </Title>
      <p class="muted">{facts.join(" · ")}</p>
      <Readiness {...model} />
      <p class="muted">
        {sizesOf(model)} · {listed(kinds.map((each) => t(each)))}
      </p>
      {model.licence && <p class="muted">{t("licence", model.licence)}</p>}
      <Use title={title} now={chosen.value?.name === name} use={() => useModel(model)} />
    </li>
  );
}

/** What can be added to models, at a glance. */
export function AddOnCard({ addOn }: { addOn: Fitting }) {
  const title = titleOf(addOn);
  const family = addOn.family || addOn.models[0]!.family;
  const facts = [familyName(family), addOn.bytes ? bytes(addOn.bytes) : ""].filter(Boolean);
  const use = useAddOn(addOn);
  return (
    <li class="card-of-model">
      <Front name={title} family={family} url={addOn.preview_url} open={`${addOn.kind}:${addOn.name}`} />
      <Title title={title} />
      <p class="muted">{facts.join(" · ")}</p>
      {addOn.triggers.length > 0 && <p class="muted clipped" dir="auto">{addOn.triggers.join(", ")}</p>}
      {use && <Use title={title} now={false} use={use} />}
    </li>
  );
}

function Front(props: { name: string; family: string; url: string | null | undefined; open: string }) {
  return (
    <button type="button" class="front" aria-label={t("about", props.name)} onClick={() => go("models", props.open)}>
      <Cover name={props.name} family={props.family} url={props.url} />
    </button>
  );
}

function Title({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <h2 class="named">
      <bdi>
        {title.split(/(?<=[_.-])(?=.)/).map((part, at) => (
          <>
            {at > 0 && <wbr />}
            {part}
          </>
        ))}
      </bdi>{" "}
      {children}
    </h2>
  );
}

function Use({ title, now, use }: { title: string; now: boolean; use(): void }) {
  const says = now ? t("inUse") : t("use");
  return (
    <button type="button" class={now ? "use-it now" : "use-it"} aria-label={`${says}: ${title}`} onClick={use}>
      <Icon name={now ? "check" : "make"} />
      {says}
    </button>
  );
}
