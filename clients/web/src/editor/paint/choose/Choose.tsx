import { useSignal, useSignalEffect } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import type { Input } from "../../../state/form/input";
import { sentence } from "../../../ui/sentence";
import type { Painter } from "../painter";
import type { Chooser } from "../tool";
import { Finder } from "./finder";
import { t as inEditor } from "../../words";
import { t } from "./words";
import "./choose.css";

interface ChooseProps {
  by: Chooser;
  input: Input;
  painter: Painter;
  /** How much of the picture is painted, in words; nothing where none of it is. */
  share: string;
  /** What stands between what is said and what is asked. */
  children: ComponentChildren;
}

/** Choosing what should change by words, or by taps on it. */
export function Choose({ by, input, painter, share, children }: ChooseProps) {
  const finder = useMemo(() => new Finder(painter, input), [painter]);
  useEffect(() => () => finder.close(), [finder]);
  return (
    <>
      <p class="muted said" role="status">
        {told(finder) || share || t(by === "word" ? "wordHint" : "tapHint")}
      </p>
      {children}
      <div class="choose">
        {by === "word" ? <Words finder={finder} /> : <Taps finder={finder} painter={painter} />}
        {by === "word" && <Least finder={finder} />}
      </div>
    </>
  );
}

function told(finder: Finder): string {
  const doing = finder.doing.value;
  switch (doing.is) {
    case "looking":
      return doing.said ? t("lookingFor", doing.said) : t("looking");
    case "none":
      return doing.said ? t("none", doing.said) : t("nothing");
    case "failed":
      return sentence(doing.why, false);
    case "nothing":
      return "";
  }
}

function Words({ finder }: { finder: Finder }) {
  const said = useSignal("");
  const looking = finder.doing.value.is === "looking";
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (said.peek().trim() && !looking) void finder.words(said.peek().trim());
      }}
    >
      <input
        type="text"
        aria-label={t("word")}
        placeholder={t("word")}
        dir="auto"
        maxLength={300}
        enterKeyHint="search"
        value={said.value}
        onInput={(event) => (said.value = event.currentTarget.value)}
      />
      <button type="submit" aria-disabled={looking || !said.value.trim()}>
        {t("find")}
      </button>
    </form>
  );
}

function Taps({ finder, painter }: { finder: Finder; painter: Painter }) {
  const takes = useSignal(false);
  const refines = finder.refines.value;
  useSignalEffect(() => {
    const at = painter.tapped.value;
    if (!at) return;
    painter.tapped.value = null;
    void finder.tap(at, !(takes.peek() && finder.refines.peek()));
  });
  return (
    <div class="choice" role="group" aria-label={t("how")}>
      <button type="button" aria-pressed={!(takes.value && refines)} onClick={() => (takes.value = false)}>
        {t("adds")}
      </button>
      <button type="button" aria-pressed={takes.value && refines} disabled={!refines} onClick={() => (takes.value = true)}>
        {t("takes")}
      </button>
    </div>
  );
}

function Least({ finder }: { finder: Finder }) {
  const percent = Math.round((1 - finder.least.value) * 100);
  return (
    <label>
      <span>{t("more")}</span> <b>{inEditor("percent", percent)}</b>
      <input
        type="range"
        min="2"
        max="98"
        value={percent}
        disabled={!finder.tunes.value}
        onInput={(event) => finder.setLeast(1 - event.currentTarget.valueAsNumber / 100)}
      />
    </label>
  );
}
