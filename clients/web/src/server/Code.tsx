import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Invitation } from "../api/devices";
import { duration } from "../i18n";
import { Icon } from "../ui/Icon";
import { usePoll } from "../ui/poll";
import { devices, refreshDevices } from "./state";
import { t } from "./words";

/** A code as a camera and as a person reads it, until the device that it is for has come in. */
export function Code(props: {
  code: Invitation;
  /** The devices that were in before. */
  before: ReadonlySet<string>;
  /** Whether the other device will be among those that this one sees. */
  watched: boolean;
  again(): void;
  close(): void;
}) {
  const { until } = props.code;
  const left = useSignal(until - Date.now());
  const next = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    const timer = setInterval(() => (left.value = until - Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  usePoll(refreshDevices, 1500);

  const guest = devices.value?.find((each) => !props.before.has(each.id));
  const over = left.value <= 0;
  const ended = guest !== undefined || over;
  useEffect(() => next.current?.focus(), [ended]);
  const waits = props.watched ? t("waitsForIt") : t("unwatched");
  return (
    <div class={ended ? "came-in" : "code"}>
      {guest && <Icon name="check" />}
      {!ended && <Shown code={props.code} left={left.value} />}
      {/* Always the same element, so that a screen reader hears what it changes to. */}
      <p role="status">{guest ? t("cameIn", guest.name) : over ? t("over") : waits}</p>
      {ended && (
        <button ref={next} type="button" class="primary wide" onClick={guest ? props.close : props.again}>
          {guest ? t("done") : t("again")}
        </button>
      )}
    </div>
  );
}

function Shown({ code: { code, url, qr }, left }: { code: Invitation; left: number }) {
  return (
    <>
      <p>{t("scan")}</p>
      <img class="qr" src={`data:image/svg+xml,${encodeURIComponent(qr)}`} alt={t("qr")} />
      <p class="letters">
        <span class="unseen">{t("letters")}</span> {code.slice(0, 4)}-{code.slice(4)}
      </p>
      <p class="muted address">{url.split("#")[0]}</p>
      <p class="muted">{t("left", duration(left / 1000))}</p>
    </>
  );
}
