import { toasts } from "../../state/page/toasts";
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
  return toasts.value.map((toast) => (
    <div class="toast" key={toast.id}>
      <span>{toast.text}</span>
      {toast.action && (
        <button type="button" class="plain" onClick={toast.action.run}>
          {toast.action.label}
        </button>
      )}
    </div>
  ));
}
