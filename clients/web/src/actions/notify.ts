/** Tells of pictures that are done while nobody looks at the page. */
import { source } from "../api/images";
import type { Job } from "../api/types";
import { gridOf } from "../state/live/grids";
import { onDone } from "../state/live/jobs";
import { telling } from "../state/live/notices";
import { go } from "../state/page/route";
import { t } from "./words";

/** Pixels of the picture beside the words. */
const ICON = 192;

export function installNotices(): void {
  onDone((job) => {
    if (telling.peek() && document.visibilityState !== "visible" && job.status !== "canceled") show(job);
  });
}

function show(job: Job): void {
  const [output] = job.outputs;
  const grid = gridOf(job);
  try {
    const notice = new Notification(t(job.status === "succeeded" ? "noticeDone" : "noticeFailed"), {
      body: job.input.prompt,
      // The cells of a grid take each other's place.
      tag: grid ?? job.id,
      ...(output ? { icon: source(output, ICON) } : {}),
    });
    notice.onclick = () => {
      focus();
      notice.close();
      if (output && !grid) go("gallery", output.id);
      else go("make");
    };
  } catch {
    // Chrome on Android lets none but installed applications.
    telling.value = false;
  }
}
