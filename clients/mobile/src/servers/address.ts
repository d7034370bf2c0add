/** Which addresses the app speaks to: plain http goes to local networks and nowhere else. */

/** Where `darkroom up` listens unless it is told otherwise. */
const PORT = "7860";

/** Names that no public name server leads anywhere (RFC 6762, RFC 8375, ICANN's .internal, .lan). */
const LOCAL_NAMES = ["local", "lan", "home.arpa", "internal", "localhost"];

/** The user is told why this is no address that the app may speak to. */
export class BadAddress extends Error {
  override readonly name = "BadAddress";

  constructor(readonly reason: "unreadable" | "public") {
    super(reason);
  }
}

/**
 * The server's URL without a slash at its end, from what somebody typed: `192.168.1.5`,
 * `nas.local:7000`, `https://pictures.example`. Throws BadAddress.
 */
export function serverAddress(typed: string): string {
  const text = typed.trim();
  if (!text || /\s/.test(text)) throw new BadAddress("unreadable");
  if (/^https?:\/\//i.test(text)) return checked(text).origin;
  if (text.includes("://")) throw new BadAddress("unreadable");
  // Without a scheme: as a server of one's own speaks, and out on the internet only encrypted.
  const url = read(`http://${text}`);
  if (!isLocal(url.hostname)) return checked(`https://${text}`).origin;
  if (!/:\d+$/.test(text.split("/")[0]!)) url.port = PORT;
  return checked(url.href).origin;
}

/** Whether a host, as a URL has it, is on a local network by its address or its name. */
export function isLocal(host: string): boolean {
  if (host.startsWith("[")) return isLocalV6(host.slice(1, -1));
  if (/^[\d.]+$/.test(host)) return isLocalV4(host.split(".").map(Number));
  const name = host.toLowerCase().replace(/\.$/, "");
  return LOCAL_NAMES.some((each) => name === each || name.endsWith(`.${each}`));
}

function checked(text: string): URL {
  const url = read(text);
  if (url.username || url.password) throw new BadAddress("unreadable");
  if (url.protocol === "http:" && !isLocal(url.hostname)) throw new BadAddress("public");
  return url;
}

function read(text: string): URL {
  try {
    return new URL(text);
  } catch {
    throw new BadAddress("unreadable");
  }
}

/** Private (RFC 1918), link-local (RFC 3927) and loopback. */
function isLocalV4([a, b]: number[]): boolean {
  return (
    a === 10 ||
    a === 127 ||
    (a === 172 && b! >= 16 && b! <= 31) ||
    (a === 192 && b === 168) ||
    (a === 169 && b === 254)
  );
}

/** Unique local (RFC 4193), link-local and loopback, and the IPv4 ones written as IPv6. */
function isLocalV6(address: string): boolean {
  const mapped = /^::ffff:([\da-f]+):([\da-f]+)$/.exec(address);
  if (mapped) {
    const [high, low] = [parseInt(mapped[1]!, 16), parseInt(mapped[2]!, 16)];
    return isLocalV4([high >> 8, high & 255, low >> 8, low & 255]);
  }
  const first = parseInt(address.split(":")[0] || "0", 16);
  return address === "::1" || (first & 0xfe00) === 0xfc00 || (first & 0xffc0) === 0xfe80;
}
