/** Deletes pictures: out of sight at once, and for good when nobody took it back. */
import { signal } from "@preact/signals";
import { Refused } from "../api/errors";
import * as api from "../api/jobs";
import type { Job } from "../api/types";
import { forget, hide } from "../state/jobs";
import { toast } from "../state/toasts";
import { sentence } from "../ui/sentence";
import { t } from "./words";

/** Jobs that are out of sight: deleted, or about to be. */
export const removed = signal<ReadonlySet<string>>(new Set());

const doomed = new Set<string>();

/** Deletes a job with its pictures, unless it is undone while the toast stands. */
export function remove(job: Job): void {
  mark(job.id, true);
  doomed.add(job.id);
  const undo = () => {
    if (doomed.delete(job.id)) mark(job.id, false);
  };
  toast(t("deleted", job.outputs.length), { label: t("undo"), run: undo }, () => void end(job.id));
}

function mark(id: string, gone: boolean): void {
  const now = new Set(removed.peek());
  if (gone) now.add(id);
  else now.delete(id);
  removed.value = now;
  hide(id, gone);
}

async function end(id: string, keepalive = false): Promise<void> {
  if (!doomed.delete(id)) return;
  try {
    await api.remove(id, keepalive);
    forget(id);
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return forget(id);
    mark(id, false);
    toast(sentence(error));
  }
}

// Nobody is left to undo it.
addEventListener("pagehide", () => {
  for (const id of doomed) void end(id, true);
});
