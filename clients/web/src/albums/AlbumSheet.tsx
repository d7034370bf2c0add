import { useSignal } from "@preact/signals";
import { useEffect, useId } from "preact/hooks";
import { source } from "../api/images";
import { createAlbum, putInto } from "../api/collections/collections";
import type { Album } from "../api/types";
import { albums, FAVOURITES, favour, refreshAlbums } from "../state/live/albums";
import { collecting } from "../state/page/overlays";
import { go } from "../state/page/route";
import { toast } from "../state/page/toasts";
import { Icon } from "../ui/Icon";
import { askAgain } from "../ui/pictures/again";
import { sentence } from "../ui/sentence";
import { Sheet } from "../ui/sheets/Sheet";
import "./albums.css";
import { t } from "./words";

/** Chooses the album that some pictures go into, or makes one. */
export function AlbumSheet({ images }: { images: readonly string[] }) {
  const id = useId();
  const name = useSignal("");
  const busy = useSignal(false);
  const close = () => (collecting.value = null);
  useEffect(() => void refreshAlbums().catch(() => undefined), []);

  const put = async (into: () => Promise<Pick<Album, "id" | "name">>) => {
    busy.value = true;
    try {
      const album = await into();
      if (album.id === FAVOURITES) await favour(images, true);
      else for (const each of images) await putInto(album.id, each);
      void refreshAlbums().catch(() => undefined);
      close();
      toast(t("put", album.name || t("favourites")), { label: t("see"), run: () => go("gallery", `album:${album.id}`) });
    } catch (error) {
      toast(sentence(error, false));
    } finally {
      busy.value = false;
    }
  };
  return (
    <Sheet title={t("into", images.length)} close={close}>
      <ul class="album-list">
        {albums.value.map((each) => (
          <li key={each.id}>
            <button type="button" disabled={busy.value} onClick={() => void put(async () => each)}>
              <span class="mini">
                {/* Beneath the cover, which may take a while, or be of a picture that is gone. */}
                <Icon name={each.id === FAVOURITES ? "star" : "album"} />
                {each.cover_url && <img src={source({ url: each.cover_url }, 160)} alt="" onError={askAgain} />}
              </span>
              <b dir="auto">{each.name || t("favourites")}</b>
              <span class="muted">{t("pictures", each.count)}</span>
            </button>
          </li>
        ))}
      </ul>
      <form
        class="new-album"
        onSubmit={(event) => {
          event.preventDefault();
          const wanted = name.value.trim();
          if (wanted) void put(() => createAlbum(wanted));
        }}
      >
        <label for={id}>{t("newName")}</label>
        <div>
          <input id={id} dir="auto" maxLength={80} autocomplete="off" value={name.value} onInput={(event) => (name.value = event.currentTarget.value)} />
          <button type="submit" class="primary" disabled={busy.value || !name.value.trim()}>
            {t("make")}
          </button>
        </div>
      </form>
    </Sheet>
  );
}
