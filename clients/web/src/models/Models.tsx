import { effect, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { AddOnKind, Model } from "../api/types";
import { me } from "../state/live/connection";
import { models, refreshModels } from "../state/form/models";
import { taker } from "../state/page/drops";
import { close, route } from "../state/page/route";
import { familyName } from "../ui/models/family";
import { Icon } from "../ui/Icon";
import { usePoll } from "../ui/poll";
import { found, many, Search } from "../ui/Search";
import { AddSheet } from "./adding/AddSheet";
import { takeFiles } from "./adding/take";
import { Underway } from "./adding/Underway";
import { t as added } from "./adding/words";
import { AddOnSheet } from "./AddOnSheet";
import { Aside } from "./Aside";
import { AddOnCard, ModelCard } from "./Card";
import "./models.css";
import { ModelSheet } from "./ModelSheet";
import { ADD_ONS, fittings, titleOf } from "./shelf";
import { t } from "./words";

type Shown = "models" | AddOnKind;

/** What pictures can be made with: to look at and choose; an admin changes it. */
export function Models() {
  usePoll(refreshModels, 2000);
  const shown = useSignal<Shown>("models");
  const asked = useSignal("");
  const use = useSignal("");
  const adding = useSignal(false);
  const admin = me.value?.role === "admin";
  useEffect(() => {
    if (!admin) return;
    const own = {
      hint: () => added("drop"),
      take: (files: readonly File[]) => {
        const taken = takeFiles(files);
        if (taken) adding.value = false;
        return taken;
      },
    };
    taker.value = own;
    return () => {
      if (taker.peek() === own) taker.value = null;
    };
  }, [admin]);
  const counts = (kind: Shown) =>
    kind === "models" ? models.value.length : fittings.value.filter((each) => each.kind === kind).length;
  const kinds = (["models", ...ADD_ONS] as const).filter((each) => each === "models" || counts(each) > 0);
  const kind = kinds.includes(shown.value) ? shown.value : "models";
  const text = many(counts(kind)) ? asked.value : "";
  return (
    <div class="models-room">
      <div class="head">
        {kinds.length > 1 && (
          <div class="choice" role="group" aria-label={t("kindOfFile")}>
            {kinds.map((each) => (
              <button type="button" key={each} aria-pressed={each === kind} onClick={() => (shown.value = each)}>
                {t(each)} <span class="count">{counts(each)}</span>
              </button>
            ))}
          </div>
        )}
        <div class="sieve">
          <Search among={counts(kind)} asked={asked} />
          {kind === "models" && <Uses value={use.value} change={(value) => (use.value = value)} />}
          {admin && (
            <button type="button" class="primary" onClick={() => (adding.value = true)}>
              <Icon name="plus" />
              {added("add")}
            </button>
          )}
        </div>
      </div>
      {admin && <Underway />}
      {kind === "models" ? (
        <ModelGrid asked={text} use={use.value} />
      ) : (
        <AddOnGrid kind={kind} asked={text} />
      )}
      {admin && <Aside />}
      {adding.value && <AddSheet close={() => (adding.value = false)} />}
      <Opened admin={admin} />
    </div>
  );
}

/** What models are to be good for, where they differ in it. */
function Uses({ value, change }: { value: string; change(value: string): void }) {
  const all = [...new Set(models.value.flatMap((each) => each.kinds))];
  const differ = all.filter((each) => models.value.some(({ kinds }) => !kinds.includes(each)));
  if (!differ.length) return null;
  return (
    <select aria-label={t("goodFor")} value={value} onChange={(event) => change(event.currentTarget.value)}>
      <option value="">{t("anything")}</option>
      {differ.map((each) => (
        <option key={each} value={each}>
          {t("whichCan", t(each))}
        </option>
      ))}
    </select>
  );
}

function ModelGrid({ asked, use }: { asked: string; use: string }) {
  const fits = ({ kinds }: Model) => !use || kinds.some((each) => each === use);
  const shown = models.value.filter(
    (each) => fits(each) && found(asked, each.title, each.name, each.description, familyName(each.family)),
  );
  if (!shown.length) return <p class="muted">{models.value.length ? t("noneFound") : t("noModels")}</p>;
  return (
    <ul class="cards-of-models">
      {shown.map((each) => (
        <ModelCard key={each.name} model={each} />
      ))}
    </ul>
  );
}

function AddOnGrid({ kind, asked }: { kind: AddOnKind; asked: string }) {
  const shown = fittings.value.filter(
    (each) => each.kind === kind && found(asked, titleOf(each), each.name, each.description, ...each.triggers),
  );
  return (
    <>
      <p class="muted">{t(`${kind}Help`)}</p>
      {!shown.length && <p class="muted">{t("noneFound")}</p>}
      <ul class="cards-of-models">
        {shown.map((each) => (
          <AddOnCard key={each.name} addOn={each} />
        ))}
      </ul>
    </>
  );
}

/** The model or the addition that an address names. */
function named(open: string | null) {
  const addOn = fittings.value.find((each) => `${each.kind}:${each.name}` === open);
  return { addOn, model: models.value.find((each) => each.name === open) };
}

/** What is open above the room: the address says it. */
function Opened({ admin }: { admin: boolean }) {
  const { open } = route.value;
  const { addOn, model } = named(open);
  useEffect(() => {
    let seen: string | null = null;
    // Before the sheet goes, which would step back to the address that opens it.
    return effect(() => {
      const { open } = route.value;
      const { addOn, model } = named(open);
      const there = Boolean(addOn ?? model);
      // What went while it was open does not come up by itself when it is there again.
      if (open && !there && seen === open) close();
      seen = there ? open : null;
    });
  }, []);
  if (addOn) return <AddOnSheet key={open} addOn={addOn} admin={admin} close={close} />;
  return model ? <ModelSheet key={open} model={model} admin={admin} close={close} /> : null;
}
