/** Servers that say on the local network that they are there: multicast DNS, `_darkroom._tcp`. */
import { Capacitor, registerPlugin } from "@capacitor/core";
import { signal } from "@preact/signals";
import type { ZeroConfPlugin, ZeroConfService } from "capacitor-zeroconf";
import { isLocal } from "../servers/address";

export interface Nearby {
  readonly name: string;
  readonly base: string;
}

// By its name: the package's own entry fails at once wherever there is no phone.
const zeroConf = registerPlugin<ZeroConfPlugin>("ZeroConf");

export const nearby = signal<readonly Nearby[]>([]);

/** Whether this phone can look for servers. */
export const canLook = Capacitor.isPluginAvailable("ZeroConf");

const WHAT = { type: "_darkroom._tcp.", domain: "local." };

/** Looks until what it returns is called. */
export function look(): () => void {
  void zeroConf.watch(WHAT, (found) => {
    // Capacitor answers the call itself before there is anything to tell.
    if (!found) return;
    const others = nearby.peek().filter((each) => each.name !== found.service.name);
    const here = found.action === "removed" ? null : where(found.service);
    // Named before it is resolved, and then again with its address.
    if (found.action !== "added") nearby.value = here ? [...others, here] : others;
  });
  return () => {
    nearby.value = [];
    void zeroConf.unwatch(WHAT);
  };
}

/** Anybody may answer for anything here, so nothing but name and address is taken from it. */
export function where(service: Pick<ZeroConfService, "name" | "port" | "ipv4Addresses" | "txtRecord">): Nearby | null {
  const { name, port, ipv4Addresses, txtRecord } = service;
  const address = ipv4Addresses.find(isLocal);
  if (!address) return null;
  return { name, base: `${txtRecord["tls"] === "1" ? "https" : "http"}://${address}:${port}` };
}
