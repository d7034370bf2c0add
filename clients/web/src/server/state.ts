/** What this place shows, as it was last heard. */
import { signal } from "@preact/signals";
import { listDevices } from "../api/devices";
import { readState } from "../api/server";
import type { Device, ServerState } from "../api/types";
import { loadModels, models } from "../state/models";

/** Null until it is known. */
export const serverState = signal<ServerState | null>(null);
export const devices = signal<readonly Device[] | null>(null);

export async function refreshState(): Promise<void> {
  const state = await readState();
  serverState.value = state;
  // A worker that came or went since changed what is on offer.
  if (names(state.models) !== names(models.peek())) await loadModels();
}

export async function refreshDevices(): Promise<void> {
  devices.value = await listDevices();
}

function names(all: readonly { name: string }[]): string {
  return all.map((each) => each.name).join("\n");
}

/** Forgets it all: who comes next may see less. */
export function clear(): void {
  serverState.value = null;
  devices.value = null;
}
