/** The app's own side of the page: which server it speaks to, and what a phone can do. */
import { SecureStorage } from "@aparajita/capacitor-secure-storage";
import { Capacitor } from "@capacitor/core";
import { Preferences } from "@capacitor/preferences";
import { signal } from "@preact/signals";
import { platform, type Platform } from "../../web/src/platform";
import { toast } from "../../web/src/state/page/toasts";
import { keep, share } from "./phone/photos";
import * as pairing from "./servers/pairing";
import { Servers, type Server } from "./servers/servers";
import { t } from "./words";

export const servers = new Servers(
  {
    get: async (key) => (await Preferences.get({ key })).value,
    set: (key, value) => Preferences.set({ key, value }),
    remove: (key) => Preferences.remove({ key }),
  },
  {
    get: (key) => SecureStorage.getItem(key),
    set: (key, value) => SecureStorage.setItem(key, value),
    remove: (key) => SecureStorage.removeItem(key),
  },
);

/** Whether the list of servers is open above the page. */
export const choosing = signal(false);

/** Begins anew with the server in use: nothing of another one is left on the page. */
export function reload(): void {
  location.reload();
}

/** Pairs with a server and goes on with it. Throws what `pairing` throws. */
export async function enter(base: string, code: string, device: string, name: string): Promise<void> {
  const open = await pairing.isOpen(base);
  await servers.add(base, name, open ? null : await pairing.pair(base, code, device));
  reload();
}

/** Forgets a server. False where it could not be told, and so still knows this phone. */
export async function forget(server: Server): Promise<boolean> {
  const token = servers.token(server);
  const inUse = servers.current.peek()?.id === server.id;
  let told = true;
  try {
    if (token) await pairing.revoke(server.base, token);
  } catch (error) {
    // Revoked over there before: it knows this phone no more.
    told = (error as { status?: number }).status === 401;
  }
  await servers.remove(server);
  if (inUse) reload();
  return told;
}

/** What the page is to know of the phone, for this server. */
export function shell(server: Server): Platform {
  const common: Platform = {
    ...platform,
    base: signal(server.base),
    token: () => servers.token(server),
    servers: () => (choosing.value = true),
    pair: async (code, name) => {
      await servers.keepToken(server, await pairing.pair(server.base, code, name));
    },
    unpair: () => servers.keepToken(server, null),
  };
  if (!Capacitor.isNativePlatform()) return common;
  const save = async (file: File) => {
    try {
      await keep(file);
      toast(t("saved"));
    } catch {
      toast(t("unsaved"));
    }
  };
  return { ...common, share, save };
}
