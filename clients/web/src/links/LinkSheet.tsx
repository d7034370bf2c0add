import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { link } from "../api/collections/collections";
import type { Output, PictureLink } from "../api/types";
import { dateTime } from "../i18n";
import { linking } from "../state/page/overlays";
import { toast } from "../state/page/toasts";
import { Icon } from "../ui/Icon";
import { sentence } from "../ui/sentence";
import { Sheet } from "../ui/sheets/Sheet";
import { Linked } from "./Linked";
import "./links.css";
import { t } from "./words";

const ENDS = [
  ["day", 24],
  ["week", 24 * 7],
  ["month", 24 * 30],
] as const;

/** Makes a link to a picture for somebody who is not let in here, and shows it to be scanned. */
export function LinkSheet({ output }: { output: Output }) {
  const name = useId();
  const hours = useSignal<number>(24);
  const made = useSignal<PictureLink | null>(null);
  const busy = useSignal(false);
  const make = async () => {
    busy.value = true;
    try {
      made.value = await link(output.id, hours.value);
    } catch (error) {
      toast(sentence(error, false));
    } finally {
      busy.value = false;
    }
  };
  return (
    <Sheet title={t("title")} close={() => (linking.value = null)}>
      {made.value ? (
        <Made link={made.value} />
      ) : (
        <div class="link-sheet">
          <p class="muted">{t("about")}</p>
          <fieldset>
            <legend>{t("ends")}</legend>
            <div class="uses">
              {ENDS.map(([each, length]) => (
                <label key={each} class="use">
                  <input type="radio" class="unseen" name={name} checked={hours.value === length} onChange={() => (hours.value = length)} />
                  {t(each)}
                </label>
              ))}
            </div>
          </fieldset>
          <button type="button" class="primary" disabled={busy.value} onClick={() => void make()}>
            <Icon name="link" />
            {t("make")}
          </button>
        </div>
      )}
    </Sheet>
  );
}

function Made({ link: { url, qr, expires_at } }: { link: PictureLink }) {
  const until = dateTime(expires_at, { dateStyle: "medium", timeStyle: "short" });
  return <Linked url={url} qr={qr} note={t("until", until)} />;
}
