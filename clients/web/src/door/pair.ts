/** How a device comes in: by a session in a browser, by its own way in the mobile shell. */
import { openSession, readMe } from "../api/devices";
import { Refused } from "../api/errors";
import { duration } from "../i18n";
import { platform } from "../platform";
import { sentence } from "../ui/sentence";
import { t } from "./words";

/** Makes this device one that may come in. Throws what `send` throws. */
export async function pair(code: string, name: string): Promise<void> {
  if (platform.pair) await platform.pair(code, name);
  else await openSession(code, name);
}

/** Whether this device is in already, as after the same code was scanned twice. */
export async function isPaired(): Promise<boolean> {
  try {
    await readMe();
    return true;
  } catch {
    return false;
  }
}

/** Why it did not go, and what to do. */
export function reason(error: unknown): string {
  if (error instanceof Refused) {
    if (error.code === "wrong-code") return t("wrong");
    if (error.status === 429) return t("many", duration(error.retryAfter ?? 60));
  }
  return sentence(error);
}

/** The code of the address that a QR code leads to, `/pair#CODE&...`; empty elsewhere. */
export function scannedCode(): string {
  if (location.pathname !== "/pair") return "";
  // An app that scans the code finds after an & whom to trust; a browser has no use for that.
  return location.hash.slice(1).split("&")[0]!;
}
