import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { words } from "../../i18n";
import { Icon } from "../Icon";
import { sheets } from "./sheets";
import { ToastsOnSheet } from "./Toasts";
import { useWayBack } from "./useWayBack";

const t = words("ui/sheets/Sheet", { en: { close: "Close" }, vi: { close: "Đóng" } });

/** What comes up from the bottom of a phone, and stands in the middle of a desk. */
export function Sheet(props: { title: string; close(): void; wide?: boolean; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [own] = useState({});
  useWayBack(props.close);
  useLayoutEffect(() => {
    const element = dialog.current!;
    // The browser's own modal: it keeps the focus inside, and gives it back if it is closed before
    // it leaves the page.
    element.showModal();
    return () => element.close();
  }, []);
  useEffect(() => {
    sheets.value = [...sheets.peek(), own];
    return () => {
      sheets.value = sheets.peek().filter((each) => each !== own);
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={props.wide ? "sheet wide" : "sheet"}
      aria-label={props.title}
      onCancel={(event) => {
        event.preventDefault();
        props.close();
      }}
      onClick={(event) => event.target === dialog.current && props.close()}
    >
      <div class="sheet-body">
        <header>
          <h2>
            <bdi>{props.title}</bdi>
          </h2>
          <button type="button" class="plain" aria-label={t("close")} onClick={props.close}>
            <Icon name="close" />
          </button>
        </header>
        {props.children}
      </div>
      {sheets.value.at(-1) === own && <ToastsOnSheet />}
    </dialog>
  );
}
