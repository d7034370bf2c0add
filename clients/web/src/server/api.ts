import { get, send } from "../api/http";
import type { components } from "../api/schema";
import type { Device, PairingCode } from "../api/types";

export type ServerState = components["schemas"]["ServerState"];
export type ModelState = components["schemas"]["ModelState"];

/** A code for another device, and when it ends by this device's clock, in milliseconds. */
export interface Invitation extends PairingCode {
  until: number;
}

export function readState(): Promise<ServerState> {
  return get("state");
}

export async function listDevices(): Promise<Device[]> {
  return (await get<{ devices: Device[] }>("devices")).devices;
}

/** Lets a device in no more. */
export async function revoke(device: string): Promise<void> {
  await send("DELETE", `devices/${device}`);
}

/** Makes a code for another device. */
export async function invite(wish: Pick<PairingCode, "role"> & { mine: boolean }): Promise<Invitation> {
  const response = await send("POST", "pairing-codes", { json: wish });
  const code = (await response.json()) as PairingCode;
  // The clocks of two machines differ.
  const now = Date.parse(response.headers.get("Date") ?? "") || Date.now();
  return { ...code, until: Date.now() + Date.parse(code.expires_at) - now };
}

/** Ends this browser's session. */
export async function logOut(): Promise<void> {
  await send("DELETE", "session");
}
