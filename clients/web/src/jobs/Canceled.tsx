import { clear } from "../actions/remove";
import { find } from "../state/live/jobs";
import { t } from "./words";

/** Many jobs that were canceled before they made a picture, in one line. */
export function Canceled({ ids }: { ids: readonly string[] }) {
  const jobs = () => ids.flatMap((id) => find(id)?.job.peek() ?? []);
  return (
    <p class="canceled muted">
      {t("severalCanceled", ids.length)}
      <button type="button" onClick={() => clear(jobs())}>
        {t("clear")}
      </button>
    </p>
  );
}
