import { get, post, send, type Options } from "./http";
import type { Device, Me, PairingCode } from "./types";

/** A code for another device, and when it ends by this device's clock, in milliseconds. */
export interface Invitation extends PairingCode {
  until: number;
}

/** Who this device is to the server. */
export function readMe(options?: Options): Promise<Me> {
  return get("me", options);
}

/** Makes this browser one that may come in, by a session. */
export async function openSession(code: string, name: string): Promise<void> {
  await send("POST", "pair", { json: { code, name, session: true } });
}

/** Ends this browser's session. */
export async function logOut(): Promise<void> {
  await send("DELETE", "session");
}

/** Makes this device one that may come in, by the token that it gets. */
export async function takeToken(code: string, name: string, options: Options): Promise<string> {
  return (await post<{ token: string }>("pair", { ...options, json: { code, name } })).token;
}

export async function listDevices(): Promise<Device[]> {
  return (await get<{ devices: Device[] }>("devices")).devices;
}

/** What each user is called for people: one who has no name but a code, by the names of the devices. */
export function calledBy(owners: readonly string[], devices: readonly Device[]): ReadonlyMap<string, string> {
  const plain = owners.map((owner): [string, string] => {
    const names = [...new Set(devices.filter((each) => each.owner === owner).map((each) => each.name))].join(", ");
    if (!names) return [owner, owner];
    return [owner, /^[0-9a-f]{16}$/.test(owner) ? names : `${owner} (${names})`];
  });
  // Two phones of the same make: the start of the code tells whose is whose.
  const twice = (name: string) => plain.filter(([, each]) => each === name).length > 1;
  return new Map(plain.map(([owner, name]) => [owner, twice(name) ? `${name} · ${owner.slice(0, 4)}` : name]));
}

/** What each device is called, by its id: of two with one name, the start of the id tells which is which. */
export function toldApart(devices: readonly Device[]): ReadonlyMap<string, string> {
  const twice = (name: string) => devices.filter((each) => each.name === name).length > 1;
  return new Map(devices.map(({ id, name }) => [id, twice(name) ? `${name} · ${id.slice(0, 4)}` : name]));
}

/** Lets a device in no more. */
export async function revoke(device: string, options?: Options): Promise<void> {
  await send("DELETE", `devices/${device}`, options);
}

/** Makes a code for another device. */
export async function invite(wish: Pick<PairingCode, "role"> & { mine: boolean }): Promise<Invitation> {
  const response = await send("POST", "pairing-codes", { json: wish });
  const code = (await response.json()) as PairingCode;
  // The clocks of two machines differ.
  const now = Date.parse(response.headers.get("Date") ?? "") || Date.now();
  return { ...code, until: Date.now() + Date.parse(code.expires_at) - now };
}
