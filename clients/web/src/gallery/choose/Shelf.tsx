import { useLayoutEffect, useRef } from "preact/hooks";
import { deleteAlbum } from "../../api/collections/collections";
import { albums, FAVOURITES, refreshAlbums } from "../../state/live/albums";
import { Icon } from "../../ui/Icon";
import { Sure } from "../../ui/sheets/Sure";
import { album, lookAt } from "./album";
import { t } from "./words";

/** Albums that stand in rows, all in sight; more are in one row that is pushed along. */
const IN_SIGHT = 5;

/** All pictures, the favourites and the albums, one of which is looked at. */
export function Shelf() {
  const at = album.value;
  const row = useRef<HTMLDivElement>(null);
  const many = albums.value.length > IN_SIGHT;
  useLayoutEffect(() => {
    const element = row.current!;
    const pressed = element.querySelector("[aria-pressed=true]")?.getBoundingClientRect();
    if (!pressed) return;
    const whole = element.getBoundingClientRect();
    element.scrollBy({ left: pressed.left + pressed.width / 2 - whole.left - whole.width / 2 });
  }, [at, many]);
  return (
    <div ref={row} class={many ? "shelf many" : "shelf"} role="group" aria-label={t("albums")}>
      <button type="button" aria-pressed={at === null} onClick={() => lookAt(null)}>
        {t("everything")}
      </button>
      {albums.value.map((each) => (
        <button key={each.id} type="button" aria-pressed={at === each.id} onClick={() => lookAt(each.id)}>
          <Icon name={each.id === FAVOURITES ? "star" : "album"} />
          <span dir="auto">{each.name || t("favourites")}</span>
          <span class="count">{each.count}</span>
        </button>
      ))}
    </div>
  );
}

/** Deletes the album that is looked at, where it is one that can be. */
export function RemoveAlbum() {
  const open = albums.value.find((each) => each.id === album.value);
  if (!open || open.id === FAVOURITES) return null;
  return (
    <Sure
      key={open.id}
      label={t("removeAlbum")}
      question={t("sureRemoveAlbum")}
      act={async () => {
        await deleteAlbum(open.id);
        lookAt(null);
        await refreshAlbums();
      }}
    />
  );
}
