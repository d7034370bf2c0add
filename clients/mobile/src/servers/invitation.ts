/** What the QR code of `darkroom pair` says: where the server is, a code, and whom to trust. */
import { serverAddress } from "./address";

export interface Invitation {
  readonly base: string;
  readonly code: string;
  /** The SHA-256 of the server's own certificate authority, where it has one. */
  readonly authority: string | null;
}

/**
 * Reads `http://192.168.1.5:7860/pair#K7QX92MD&ca=...`; null where a text is no invitation.
 * Throws BadAddress where it is one to a server that the app may not speak to.
 */
export function readInvitation(text: string): Invitation | null {
  const [, address, fragment] = /^\s*(https?:\/\/[^\s#]+)\/pair#(\S+)\s*$/i.exec(text) ?? [];
  if (!address || !fragment) return null;
  const [code, ...others] = fragment.split("&");
  if (!/^[\dA-Z]{8}$/i.test(code!.replace("-", ""))) return null;
  const authority = new URLSearchParams(others.join("&")).get("ca");
  return { base: serverAddress(address), code: code!, authority: authority && fingerprint(authority) };
}

/** Base64url as a terminal and a phone's settings show it: `3A:5F:...`. Null if it is no SHA-256. */
function fingerprint(encoded: string): string | null {
  if (!/^[\w-]{43}$/.test(encoded)) return null;
  const bytes = atob(encoded.replaceAll("-", "+").replaceAll("_", "/"));
  return [...bytes].map((each) => each.charCodeAt(0).toString(16).padStart(2, "0").toUpperCase()).join(":");
}
