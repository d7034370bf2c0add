import { absolute, get } from "./http";
import type { ServerState } from "./types";

export function readState(): Promise<ServerState> {
  return get("state");
}

/** Where the documentation of the API is. */
export function documentation(): string {
  return absolute("/api/v1/docs");
}
