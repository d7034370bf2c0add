import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../ui/Icon";
import { Sheet } from "../ui/sheets/Sheet";
import { useWayBack } from "../ui/sheets/useWayBack";
import { t } from "./words";

interface FrameProps {
  title: string;
  /** Whether something would be lost by leaving. */
  changed(): boolean;
  /** What takes a moment is done once, however often it is tapped. */
  done(): void | Promise<void>;
  close(): void;
  /** What stands in the bar between close and done. */
  bar?: ComponentChildren;
  onKeyDown?(event: KeyboardEvent): void;
  children: ComponentChildren;
}

/** A dialog of the whole screen, that Escape and the way back close. */
export function Frame(props: FrameProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const gone = useRef(false);
  const [asking, ask] = useState(false);
  const [busy, say] = useState(false);
  // At once: the second tap may come before the button is drawn again.
  const going = useRef(false);
  const finish = async () => {
    if (going.current) return;
    say((going.current = true));
    try {
      await props.done();
    } finally {
      say((going.current = false));
    }
  };
  const leave = () => (props.changed() ? ask(true) : props.close());
  useWayBack(leave);
  useLayoutEffect(() => {
    const element = dialog.current!;
    element.showModal();
    element.querySelector<HTMLElement>(".stage")!.focus({ preventScroll: true });
    return () => {
      gone.current = true;
      // While it is still in the page: the focus goes back to the button that opened it.
      element.close();
    };
  }, []);
  return (
    <>
      <dialog
        ref={dialog}
        class="editor"
        aria-label={props.title}
        onCancel={(event) => {
          event.preventDefault();
          leave();
        }}
        // Browsers let a page hold a dialog open only so often.
        onClose={() => gone.current || props.close()}
        onKeyDown={(event) => {
          // What is behind the editor has keys of its own.
          event.stopPropagation();
          props.onKeyDown?.(event);
        }}
      >
        <header>
          <button type="button" class="plain" aria-label={t("close")} onClick={leave}>
            <Icon name="close" />
          </button>
          <h2>{props.title}</h2>
          {props.bar}
          <button type="button" class="primary" disabled={busy} onClick={() => void finish()}>
            {t("done")}
          </button>
        </header>
        {props.children}
      </dialog>
      {asking && (
        <Sheet title={t("leave")} close={() => ask(false)}>
          <p>{t("leaveText")}</p>
          <div class="editor-leave">
            <button type="button" onClick={props.close}>
              {t("away")}
            </button>
            <button type="button" class="primary" onClick={() => ask(false)}>
              {t("stay")}
            </button>
          </div>
        </Sheet>
      )}
    </>
  );
}
