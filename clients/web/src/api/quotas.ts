import { get, send } from "./http";
import type { Quota, QuotaList } from "./types";

/** How much each user may have; an admin sees everybody's. */
export function quotas(): Promise<QuotaList> {
  return get("quotas");
}

/** Sets a user's; null is what the server's settings say, 0 no limit. */
export async function setQuota({ owner, ...json }: Quota): Promise<void> {
  await send("PUT", `quotas/${encodeURIComponent(owner)}`, { json });
}
