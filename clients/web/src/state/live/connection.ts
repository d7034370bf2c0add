/** Whether the server is there, and who this is to it. */
import { signal } from "@preact/signals";
import type { Me } from "../../api/types";

/** `locked`: the server does not know this device, which has to be paired. */
export type Connection = "connecting" | "online" | "offline" | "locked";

export const connection = signal<Connection>("connecting");

export const me = signal<Me | null>(null);
