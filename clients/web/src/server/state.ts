/** What this place shows, as it was last heard. */
import { signal } from "@preact/signals";
import { listDevices } from "../api/devices";
import { readState } from "../api/server";
import type { Device, ServerState } from "../api/types";

/** Null until it is known. */
export const serverState = signal<ServerState | null>(null);
export const devices = signal<readonly Device[] | null>(null);

export async function refreshState(): Promise<void> {
  serverState.value = await readState();
}

export async function refreshDevices(): Promise<void> {
  devices.value = await listDevices();
}

/** Forgets it all: who comes next may see less. */
export function clear(): void {
  serverState.value = null;
  devices.value = null;
}
