import { useSignal } from "@preact/signals";
import { useCallback, useEffect, useMemo } from "preact/hooks";
import { choosePicture } from "../actions/drop";
import { number } from "../i18n";
import { platform } from "../platform";
import { connection } from "../state/live/connection";
import { ids, loadOlder, more } from "../state/live/jobs";
import { close, go, route } from "../state/page/route";
import { Icon } from "../ui/Icon";
import { later } from "../ui/later";
import { sentence } from "../ui/sentence";
import "./gallery.css";
import { Grid } from "./grid/Grid";
import { findMore, looking as lookingFor, moreToFind, problem, query, search, searching, shown, whose } from "./search";
import { album, failure, inAlbum, lookAt, readOn, whole as wholeAlbum } from "./choose/album";
import { FilterRow } from "./choose/FilterRow";
import { anyOf, filtered, filters } from "./choose/filters";
import { begin, end, selecting } from "./choose/selection";
import { RemoveAlbum, Shelf } from "./choose/Shelf";
import { t as choose } from "./choose/words";
import { Viewer } from "./viewer/Viewer";
import { Whose } from "./Whose";
import { t } from "./words";

/** For those who choose several. */
const SelectBar = later(async () => (await import("./choose/SelectBar")).SelectBar, end);

/** What an album's id has before it in the address. */
const ALBUM = "album:";

/** All of one's pictures. */
export function Gallery() {
  const { open: named } = route.value;
  const shelf = named?.startsWith(ALBUM) ? named.slice(ALBUM.length) : null;
  const open = shelf === null ? named : null;
  useEffect(() => {
    if (shelf === null) return;
    lookAt(shelf);
    close();
  }, [shelf]);
  useEffect(() => end, []);
  const filtering = useSignal(anyOf(filters.peek()));
  const last = useSignal<string | null>(null);
  useEffect(() => {
    if (open) last.value = open;
  }, [open]);
  const looking = lookingFor.value;
  const at = album.value;
  const whole = at ? wholeAlbum.value : looking ? !moreToFind.value : !more.value;
  const here = at ? inAlbum.value : shown.value;
  const now = filters.value;
  const pictures = useMemo(() => filtered(here, now), [here, now]);
  const online = connection.value === "online";
  const length = ids.value.length;
  const further = useCallback(() => {
    if (at) void readOn();
    else if (looking) findMore();
    // Once the connection is back this is called again.
    else if (online) void loadOlder().catch(() => undefined);
  }, [at, looking, online, length, searching.value, whose.value]);

  return (
    <div class="gallery">
      <div inert={!!open}>
        <div class="gallery-head">
          <h2 class="unseen">{t("gallery")}</h2>
          <Search />
          <button
            type="button"
            class="plain"
            aria-label={choose("filter")}
            title={choose("filter")}
            aria-expanded={filtering.value}
            onClick={() => (filtering.value = !filtering.value)}
          >
            <Icon name="filter" />
          </button>
          <button
            type="button"
            class="plain"
            aria-label={choose("select")}
            title={choose("select")}
            aria-pressed={selecting.value}
            onClick={() => (selecting.value ? end() : begin())}
          >
            <Icon name="select" />
          </button>
          {/* The mobile shell has no such address. */}
          {!platform.base.value && (
            <a class="button plain" href="/show" aria-label={t("show")} title={t("show")}>
              <Icon name="screen" />
            </a>
          )}
          <button type="button" class="plain" aria-label={t("open")} title={t("open")} onClick={choosePicture}>
            <Icon name="plus" />
          </button>
        </div>
        {!looking && <Shelf />}
        {filtering.value && (
          <FilterRow>
            <Whose />
          </FilterRow>
        )}
        <div class="standing-row">
          <Standing looking={looking && !at} whole={whole} count={pictures.length} filtered={anyOf(now)} />
          {!looking && <RemoveAlbum />}
        </div>
        <Grid pictures={pictures} whole={whole} at={open ? null : last.value} more={further} />
        {selecting.value && <SelectBar pictures={pictures} />}
      </div>
      {open && <Viewer id={open} pictures={pictures} />}
    </div>
  );
}

function Search() {
  return (
    <div class="search" role="search">
      <Icon name="search" />
      <input
        type="search"
        dir="auto"
        aria-label={t("searchFor")}
        placeholder={t("search")}
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

function Standing({ looking, whole, count, filtered }: { looking: boolean; whole: boolean; count: number; filtered: boolean }) {
  const words = query.value.trim();
  let text = "";
  if (failure.value ?? problem.value) text = sentence(failure.value ?? problem.value);
  else if (count) {
    const written = `${number(count)}${whole ? "" : "+"}`;
    text = looking ? t("found", written) : count === 1 && whole ? t("one") : t("count", written);
  } else if (looking) text = searching.value || !whole ? t("searching") : words ? t("nothingFound", words) : choose("noneOf");
  else if (!whole) text = t("loading");
  else if (filtered) text = choose("noneFits");
  else if (album.value) text = choose("emptyAlbum");
  return (
    <>
      {/* Said only where it is the answer to what was typed: it changes with every page otherwise. */}
      <p class="muted standing" role={looking ? "status" : undefined}>
        {text}
      </p>
      {!count && !looking && !filtered && !album.value && whole && (
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
