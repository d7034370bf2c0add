/** How this phone becomes one that a server lets in, and ceases to be. */
import { Refused, Unreachable } from "../../web/src/api/errors";
import type { FieldError, Me } from "../../web/src/api/types";

/** Milliseconds after which a server that says nothing is taken for none. */
const PATIENCE = 8_000;

/** What answers there is no Darkroom. */
export class NoDarkroom extends Error {
  override readonly name = "NoDarkroom";
}

/** Whether everybody may come in there, without a code. Throws Unreachable, NoDarkroom. */
export async function isOpen(base: string): Promise<boolean> {
  const health = await call(base, "GET", "health").catch((error: unknown) => {
    throw error instanceof Refused ? new NoDarkroom() : error;
  });
  const { door } = (await health.json().catch(() => ({}))) as { door?: string };
  if (door !== "open" && door !== "closed") throw new NoDarkroom();
  return door === "open";
}

/** The token that a code is good for. Throws Refused, Unreachable. */
export async function pair(base: string, code: string, name: string): Promise<string> {
  const answer = await call(base, "POST", "pair", { json: { code, name } });
  return ((await answer.json()) as { token: string }).token;
}

/** Has a server revoke this phone's token. Throws Refused, Unreachable. */
export async function revoke(base: string, token: string): Promise<void> {
  const { device } = (await (await call(base, "GET", "me", { token })).json()) as Me;
  if (device) await call(base, "DELETE", `devices/${device.id}`, { token });
}

/** One request to a server that need not be the one in use. */
async function call(
  base: string,
  method: string,
  path: string,
  { json, token }: { json?: unknown; token?: string } = {},
): Promise<Response> {
  const headers = new Headers({ "X-Darkroom-Request": "app" });
  if (json) headers.set("Content-Type", "application/json");
  if (token) headers.set("Authorization", `Bearer ${token}`);
  const body = json ? JSON.stringify(json) : null;
  const signal = AbortSignal.timeout(PATIENCE);
  let answer: Response;
  try {
    answer = await fetch(`${base}/api/v1/${path}`, { method, headers, body, signal });
  } catch (error) {
    throw new Unreachable(String(error));
  }
  if (answer.ok) return answer;
  type Problem = { type?: string; detail?: string; errors?: FieldError[] };
  const problem = (await answer.json().catch(() => ({}))) as Problem;
  throw new Refused(
    answer.status,
    problem.type?.split(":").pop() ?? "",
    problem.detail ?? answer.statusText,
    problem.errors ?? [],
    Number(answer.headers.get("Retry-After")) || null,
  );
}
