import { logOut, revoke } from "../api/devices";
import { platform } from "../platform";
import { me } from "../state/live/connection";
import { restart } from "../state/live/sync";
import { Sure } from "../ui/sheets/Sure";
import { clear } from "./state";
import { t } from "./words";

/** Who this device is to the server, and the way out. */
export function Myself() {
  const who = me.value;
  if (!who) return null;
  const { device, via } = who;
  return (
    <section>
      <h2 class="named">
        <bdi>{device?.name ?? t("thisDevice")}</bdi>
        {device && who.role === "admin" && <span class="badge">{t("admin")}</span>}
      </h2>
      {via === "loopback" && <p>{t("machine")}</p>}
      {via === "open" && <p>{t("open")}</p>}
      {device && (
        <p class="muted">{who.role === "admin" ? t("isAdmin") : t("isUser")}</p>
      )}
      <div class="ways">
        {platform.servers && (
          <button type="button" onClick={() => void platform.servers!()}>
            {t("servers")}
          </button>
        )}
        {device && platform.unpair && (
          <Sure
            label={t("unpair")}
            question={t("surelyUnpair")}
            act={async () => {
              await revoke(device.id);
              await platform.unpair!();
              leave();
            }}
          />
        )}
        {device && via === "session" && !platform.unpair && (
          <Sure
            label={t("logOut")}
            question={device.kind === "browser" ? t("surelyOut") : t("tokenOut")}
            act={async () => {
              await logOut();
              leave();
            }}
          />
        )}
      </div>
    </section>
  );
}

function leave(): void {
  clear();
  me.value = null;
  restart();
}
