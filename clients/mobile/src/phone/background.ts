/** Tells of jobs that end while the app is out of sight, for as long as the system lets it run. */
import { LocalNotifications } from "@capacitor/local-notifications";
import { effect } from "@preact/signals";
import { ENDED } from "../../../web/src/api/types";
import { find, ids, onDone } from "../../../web/src/state/live/jobs";
import { go } from "../../../web/src/state/page/route";
import { t } from "../words";

let last = 0;

/** Begins, once. */
export function tellOfEnds(): void {
  onDone((job) => {
    // Who looks at the app sees it anyway; nobody wants to hear that he canceled.
    if (document.visibilityState === "visible" || job.status === "canceled") return;
    const title = job.status === "succeeded" ? t("ready", job.outputs.length) : t("failed");
    const extra = { picture: job.outputs[0]?.id };
    const body = job.input.prompt;
    void LocalNotifications.schedule({ notifications: [{ id: ++last, title, body, extra }] });
  });
  void LocalNotifications.addListener("localNotificationActionPerformed", ({ notification }) => {
    const { picture } = (notification.extra ?? {}) as { picture?: string };
    if (picture) go("gallery", picture);
    else go("make");
  });
  // Asked when there is something to be told of, and not before.
  const done = effect(() => {
    const newest = ids.value[0];
    const job = newest && find(newest)?.job.peek();
    if (!job || ENDED.has(job.status)) return;
    void LocalNotifications.requestPermissions();
    setTimeout(() => done());
  });
}
