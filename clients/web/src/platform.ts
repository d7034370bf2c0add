/**
 * What differs between a browser and the mobile shell. The shell sets its own before it starts the
 * application; everything else is the same code.
 */
import { signal, type Signal } from "@preact/signals";

export interface Platform {
  /** The server's address without a slash at its end; empty is where the page came from. */
  readonly base: Signal<string>;
  /** The token to send; null where a cookie says who this is. */
  token(): string | null;
  /** Hands a picture to another application. False where this device has no way to. */
  share?(file: File): Promise<boolean>;
  /** Keeps a picture where its user finds it: the photos, or the downloads. */
  save(file: File): Promise<void>;
  /** Lets the user choose among servers, or scan the code of a new one. */
  servers?: () => unknown;
  /** Pairs by a code that the user typed; a browser does it by a session. */
  pair?(code: string, name: string): Promise<void>;
  /** Forgets the pairing on this device. */
  unpair?(): Promise<void>;
}

const browser: Platform = {
  base: signal(""),
  token: () => null,
  share: async (file) => {
    // Browsers have it over https and on this machine only.
    if (!navigator.canShare?.({ files: [file] })) return false;
    try {
      await navigator.share({ files: [file] });
    } catch (error) {
      if ((error as Error).name !== "AbortError") return false;
    }
    return true;
  },
  save: async (file) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = file.name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  },
};

export let platform: Platform = browser;

export function use(other: Platform): void {
  platform = other;
}
