import { useSignal } from "@preact/signals";
import { revoke, toldApart } from "../api/devices";
import type { Device } from "../api/types";
import { ago } from "../i18n";
import { me } from "../state/live/connection";
import { toast } from "../state/page/toasts";
import { Icon } from "../ui/Icon";
import { usePoll } from "../ui/poll";
import { Sure } from "../ui/sheets/Sure";
import { Pair } from "./Pair";
import { devices, refreshDevices } from "./state";
import { t } from "./words";

/** The devices that may come in, and the way to let in another. */
export function Devices() {
  const pairing = useSignal(false);
  usePoll(refreshDevices, 10_000);
  const all = devices.value;
  const names = toldApart(all ?? []);
  return (
    <section aria-labelledby="devices">
      <h2 id="devices">{t("devices")}</h2>
      <button type="button" class="primary wide" onClick={() => (pairing.value = true)}>
        <Icon name="phone" />
        {t("pair")}
      </button>
      {all?.length === 0 && <p class="muted">{t("noDevices")}</p>}
      <ul class="rows">
        {all?.map((each) => <Row key={each.id} device={each} name={names.get(each.id)!} />)}
      </ul>
      {pairing.value && <Pair close={() => (pairing.value = false)} />}
    </section>
  );
}

const KINDS = { token: "kindToken", paired: "kindPaired", browser: "kindBrowser" } as const;

function Row({ device, name }: { device: Device; name: string }) {
  const here = device.id === me.value?.device?.id;
  return (
    <li>
      <div>
        <p class="named">
          <bdi>{name}</bdi>
          {here && <span class="badge here">{t("here")}</span>}
          {device.role === "admin" && <span class="badge">{t("admin")}</span>}
        </p>
        <p class="muted">
          {t(KINDS[device.kind])} · {lastSeen(device.last_seen)}
        </p>
      </div>
      {/* This device itself logs out, above. */}
      {!here && (
        <Sure
          label={t("remove")}
          name={t("removeName", name)}
          question={t("surelyRemove", name)}
          act={async () => {
            await revoke(device.id);
            devices.value = devices.peek()?.filter((each) => each.id !== device.id) ?? null;
            toast(t("removed", name));
          }}
        />
      )}
    </li>
  );
}

/** The server keeps it to the minute, so seconds would say too much. */
function lastSeen(moment: string | null): string {
  if (!moment) return t("seenNever");
  return Date.now() - Date.parse(moment) < 120_000 ? t("seenNow") : t("seen", ago(moment));
}
