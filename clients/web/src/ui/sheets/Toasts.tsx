import { useEffect, useRef } from "preact/hooks";
import { toasts, type Toast } from "../../state/page/toasts";
import { sheets } from "./sheets";

/** What is said at the edge of the page; while a sheet is open, at the edge of that. */
export function Toasts() {
  return (
    <div class="toasts" role="status">
      {sheets.value.length === 0 && <Said />}
    </div>
  );
}

/** The same on the uppermost sheet. */
export function ToastsOnSheet() {
  return (
    toasts.value.length > 0 && (
      <div class="toasts" role="alert">
        <Said />
      </div>
    )
  );
}

function Said() {
  // The newest is at the bottom, and in sight where there are many.
  return [...toasts.value].reverse().map((toast) => <One key={toast.id} toast={toast} />);
}

function One({ toast }: { toast: Toast }) {
  const at = useRef({ pointer: false, focus: false });
  const is = (now: Partial<(typeof at)["current"]>) => {
    Object.assign(at.current, now);
    if (at.current.pointer || at.current.focus) toast.hold();
    else toast.release();
  };
  // Where it goes with the sheet that it stood on, nothing tells that the pointer left.
  useEffect(() => () => toast.release(), []);
  return (
    <div
      class="toast"
      onPointerEnter={() => is({ pointer: true })}
      onPointerLeave={() => is({ pointer: false })}
      onFocusIn={() => is({ focus: true })}
      onFocusOut={() => is({ focus: false })}
    >
      {toast.picture && <img src={toast.picture} alt="" />}
      <span>{toast.text}</span>
      {toast.action && (
        <button type="button" class="plain" onClick={toast.action.run}>
          {toast.action.label}
        </button>
      )}
    </div>
  );
}
