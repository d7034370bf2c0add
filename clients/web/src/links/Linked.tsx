import { copy } from "../browser";
import { toast } from "../state/page/toasts";
import { Icon } from "../ui/Icon";
import "./links.css";
import { t } from "./words";

/** A link to be scanned, copied or sent. */
export function Linked({ url, qr, note }: { url: string; qr: string | null; note?: string }) {
  return (
    <div class="linked">
      {qr && <img class="qr" src={`data:image/svg+xml,${encodeURIComponent(qr)}`} alt={t("qr")} />}
      {note && <p class="muted">{note}</p>}
      <input readOnly dir="ltr" aria-label={t("link")} value={url} onFocus={(event) => event.currentTarget.select()} />
      <div class="uses">
        <button type="button" class="primary" onClick={() => void copy(url).then((done) => toast(t(done ? "copied" : "refused")))}>
          <Icon name="copy" />
          {t("copy")}
        </button>
        {/* Browsers have it over https and on this machine only. */}
        {"share" in navigator && (
          <button type="button" onClick={() => void navigator.share({ url }).catch(() => undefined)}>
            <Icon name="share" />
            {t("send")}
          </button>
        )}
      </div>
    </div>
  );
}
