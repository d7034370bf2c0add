import { deleteAlbum } from "../../api/collections/collections";
import { albums, FAVOURITES, refreshAlbums } from "../../state/live/albums";
import { Icon } from "../../ui/Icon";
import { Sure } from "../../ui/sheets/Sure";
import { album, lookAt } from "./album";
import { t } from "./words";

/** All pictures, the favourites and the albums, one of which is looked at. */
export function Shelf() {
  const at = album.value;
  const open = albums.value.find((each) => each.id === at);
  return (
    <>
      <div class="shelf" role="group" aria-label={t("albums")}>
        <button type="button" aria-pressed={at === null} onClick={() => lookAt(null)}>
          {t("everything")}
        </button>
        {albums.value.map((each) => (
          <button key={each.id} type="button" aria-pressed={at === each.id} onClick={() => lookAt(each.id)}>
            <Icon name={each.id === FAVOURITES ? "star" : "album"} />
            <span dir="auto">{each.name || t("favourites")}</span>
            <span class="many">{each.count}</span>
          </button>
        ))}
      </div>
      {open && open.id !== FAVOURITES && (
        <Sure
          label={t("removeAlbum")}
          question={t("sureRemoveAlbum")}
          act={async () => {
            await deleteAlbum(open.id);
            lookAt(null);
            await refreshAlbums();
          }}
        />
      )}
    </>
  );
}
