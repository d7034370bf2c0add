/** Who is told when a picture is done: this browser, and a phone by ntfy. Kept on the device. */
import { effect, signal } from "@preact/signals";

const KEPT = { browser: "darkroom.notices", ntfy: "darkroom.ntfy" };

/** Whether browsers let this page tell of anything: over https, and on the server's own machine. */
export const tellable = globalThis.isSecureContext === true && "Notification" in globalThis;

/** Whether this browser tells when a picture is done and nobody looks at the page. */
export const telling = signal(tellable && localStorage.getItem(KEPT.browser) === "yes" && Notification.permission === "granted");

/** The topic of ntfy that is told of what this device asks for; empty is none. */
export const ntfy = signal(localStorage.getItem(KEPT.ntfy) ?? "");

effect(() => keep(KEPT.browser, telling.value ? "yes" : ""));
effect(() => keep(KEPT.ntfy, ntfy.value));

/** Asks the user's leave. False where the browser does not give it. */
export async function askToTell(): Promise<boolean> {
  telling.value = (await Notification.requestPermission()) === "granted";
  return telling.value;
}

/** Whether this names a topic: an address of a server with something behind it. */
export function isTopic(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url !== null && /^https?:$/.test(url.protocol) && url.pathname.length > 1;
}

function keep(key: string, value: string): void {
  try {
    if (value) localStorage.setItem(key, value);
    else localStorage.removeItem(key);
  } catch {
    // Not given to this window: it holds as long as the page is open.
  }
}
