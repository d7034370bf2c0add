import { useSignal } from "@preact/signals";
import { downloadAll } from "../../actions/saving/archive";
import { removeSeveral } from "../../actions/remove";
import { seenWhole } from "../../api/images";
import { favour, FAVOURITES, favourites } from "../../state/live/albums";
import { collecting, comparing } from "../../state/page/overlays";
import { toast } from "../../state/page/toasts";
import { Icon, type IconName } from "../../ui/Icon";
import { sentence } from "../../ui/sentence";
import { useWayBack } from "../../ui/sheets/useWayBack";
import type { Picture } from "../pictures";
import { album, takeOut } from "./album";
import { chooseAll, chosen, count, end } from "./selection";
import { t } from "./words";

/** What can be done with the pictures that are chosen, under a thumb. */
export function SelectBar({ pictures }: { pictures: readonly Picture[] }) {
  const busy = useSignal(false);
  useWayBack(end);
  const all = [...chosen.value.values()];
  const ids = all.map((each) => each.output.id);
  const liked = ids.length > 0 && ids.every((id) => favourites.value.has(id));
  const run = async (act: () => unknown) => {
    busy.value = true;
    try {
      await act();
    } catch (error) {
      toast(sentence(error, false));
    } finally {
      busy.value = false;
    }
  };
  const shown = ({ output, job }: Picture) => ({ url: seenWhole(output), name: job.input.prompt });
  const inAlbum = album.value !== null && album.value !== FAVOURITES;
  return (
    <div class="select-bar" role="toolbar" aria-label={t("chosen", count.value)}>
      <header>
        <button type="button" class="plain" onClick={() => chooseAll(pictures)}>
          {t("all")}
        </button>
        <p role="status">{t("chosen", count.value)}</p>
        <button type="button" class="plain" onClick={end}>
          {t("done")}
        </button>
      </header>
      <div class="captioned">
        <Do name="favour" icon="star" none={!ids.length || busy.value} pressed={liked} act={() => run(() => favour(ids, !liked))} />
        <Do name="album" icon="album" none={!ids.length} act={() => void (collecting.value = ids)} />
        {inAlbum && <Do name="takeOut" icon="minus" none={!ids.length || busy.value} act={() => run(() => takeOut(ids).then(end))} />}
        <Do
          name="compare"
          icon="compare"
          none={all.length !== 2}
          act={() => void (comparing.value = [shown(all[0]!), shown(all[1]!)])}
        />
        <Do name="download" icon="download" none={!ids.length || busy.value} act={() => run(() => downloadAll(ids))} />
        <Do
          name="remove"
          icon="trash"
          none={!ids.length}
          act={() => {
            removeSeveral(all);
            end();
          }}
        />
      </div>
    </div>
  );
}

interface DoProps {
  name: "favour" | "album" | "takeOut" | "compare" | "download" | "remove";
  icon: IconName;
  none: boolean;
  pressed?: boolean;
  act(): unknown;
}

function Do({ name, icon, none, pressed, act }: DoProps) {
  return (
    <button type="button" class="plain" aria-pressed={pressed} disabled={none} onClick={() => void act()}>
      <Icon name={icon} />
      {t(name)}
    </button>
  );
}
