import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { words } from "../i18n";
import { comparing, type Shown } from "../state/page/overlays";
import { Icon } from "../ui/Icon";
import { useWayBack } from "../ui/sheets/useWayBack";
import "./compare.css";

const t = words("compare/Compare", {
  en: { title: "Two pictures, one over the other", close: "Close", slide: "How much is seen of the first" },
  vi: { title: "Hai ảnh chồng lên nhau", close: "Đóng", slide: "Phần nhìn thấy của ảnh thứ nhất" },
});

/** Two pictures in one frame, with a line between them that a finger moves. */
export function Compare({ pair: [first, second] }: { pair: readonly [Shown, Shown] }) {
  const share = useSignal(50);
  const dialog = useRef<HTMLDialogElement>(null);
  const close = () => (comparing.value = null);
  useWayBack(close);
  useLayoutEffect(() => {
    const element = dialog.current!;
    element.showModal();
    // While it is still in the page: the focus goes back to where it was.
    return () => element.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      class="compare dark"
      aria-label={t("title")}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
    >
      <div class="pair" style={{ "--share": `${share.value}%` }}>
        <img src={second.url} alt={second.name} />
        <img class="first" src={first.url} alt={first.name} />
        <span class="line" aria-hidden="true" />
        <input
          type="range"
          min="0"
          max="100"
          aria-label={t("slide")}
          value={share.value}
          onInput={(event) => (share.value = event.currentTarget.valueAsNumber)}
        />
      </div>
      <footer>
        <span dir="auto">{first.name}</span>
        <span dir="auto">{second.name}</span>
      </footer>
      <button type="button" class="plain close" aria-label={t("close")} onClick={close}>
        <Icon name="close" />
      </button>
    </dialog>
  );
}
