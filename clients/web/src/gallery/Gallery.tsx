import { useSignal } from "@preact/signals";
import { useCallback, useEffect } from "preact/hooks";
import { choosePicture } from "../actions/drop";
import { number } from "../i18n";
import { connection } from "../state/connection";
import { ids, loadOlder, more } from "../state/jobs";
import { go, route } from "../state/route";
import { Icon } from "../ui/Icon";
import { sentence } from "../ui/sentence";
import "./gallery.css";
import { Grid } from "./grid/Grid";
import { findMore, moreToFind, problem, query, search, searching, shown, wordsOf } from "./search";
import { Viewer } from "./viewer/Viewer";
import { t } from "./words";

/** All of one's pictures. */
export function Gallery() {
  const open = route.value.open;
  const last = useSignal<string | null>(null);
  useEffect(() => {
    if (open) last.value = open;
  }, [open]);
  const looking = wordsOf(query.value).length > 0;
  const whole = looking ? !moreToFind.value : !more.value;
  const online = connection.value === "online";
  const length = ids.value.length;
  const further = useCallback(() => {
    if (looking) findMore();
    // Once the connection is back this is called again.
    else if (online) void loadOlder().catch(() => undefined);
  }, [looking, online, length, searching.value]);

  return (
    <div class="gallery">
      <div inert={!!open}>
        <div class="gallery-head">
          <h2 class="unseen">{t("gallery")}</h2>
          <Search />
          <button type="button" class="plain" aria-label={t("open")} title={t("open")} onClick={choosePicture}>
            <Icon name="plus" />
          </button>
        </div>
        <Standing looking={looking} whole={whole} />
        <Grid pictures={shown.value} whole={whole} at={open ? null : last.value} more={further} />
      </div>
      {open && <Viewer id={open} pictures={shown.value} />}
    </div>
  );
}

function Search() {
  return (
    <div class="search" role="search">
      <Icon name="search" />
      <input
        type="search"
        aria-label={t("searchFor")}
        placeholder={t("searchFor")}
        maxLength={200}
        enterkeyhint="search"
        value={query.value}
        onInput={(event) => {
          search(event.currentTarget.value);
          scrollTo(0, 0);
        }}
        onKeyDown={(event) => event.key === "Escape" && search("")}
      />
      {query.value && (
        <button type="button" class="plain" aria-label={t("clear")} onClick={() => search("")}>
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}

function Standing({ looking, whole }: { looking: boolean; whole: boolean }) {
  const count = shown.value.length;
  const words = query.value.trim();
  let text = "";
  if (problem.value) text = sentence(problem.value);
  else if (count) {
    const written = number(count);
    text = looking ? t("found", written, !whole) : count === 1 && whole ? t("one") : t("count", written, !whole);
  } else if (looking) text = searching.value ? t("searching") : whole ? t("nothingFound", words) : t("searching");
  else if (!whole) text = t("loading");
  return (
    <>
      {/* Said only where it is the answer to what was typed: it changes with every page otherwise. */}
      <p class="muted standing" role={looking ? "status" : undefined}>
        {text}
      </p>
      {!count && !looking && whole && (
        <div class="nothing">
          <Icon name="gallery" />
          <p>{t("empty")}</p>
          <button type="button" class="primary" onClick={() => go("make")}>
            {t("makeOne")}
          </button>
        </div>
      )}
    </>
  );
}
