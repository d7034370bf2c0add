import { useComputed, useSignal } from "@preact/signals";
import { cancel } from "../api/jobs";
import { source } from "../api/images";
import { find, merge, type LiveJob } from "../state/live/jobs";
import { Icon } from "../ui/Icon";
import { Sure } from "../ui/sheets/Sure";
import { Cancel } from "./Cancel";
import { named } from "./sentence";
import { Standing } from "./Standing";
import { t } from "./words";

/** Rows that are seen of a folded queue: what runs, and what is next. */
const SEEN = 3;

/** Many jobs that have not ended, a row each, so that the pictures below stay where they are. */
export function Queue({ ids }: { ids: readonly string[] }) {
  const open = useSignal(false);
  // The oldest go first, and the list of all has the newest first.
  const inTurn = [...ids].reverse();
  const rows = open.value ? inTurn : inTurn.slice(0, SEEN);
  const stop = async () => {
    // One that ended meanwhile is no reason to leave the others running.
    const answers = await Promise.allSettled(inTurn.map(cancel));
    merge(answers.flatMap((each) => (each.status === "fulfilled" ? [each.value] : [])));
    const refused = answers.find((each) => each.status === "rejected");
    if (refused) throw refused.reason;
  };
  return (
    <section class="queue" aria-label={t("queue")}>
      <header>
        <h3>{t("inQueue", ids.length)}</h3>
        <Sure label={t("cancelAll")} question={t("sureCancelAll", ids.length)} act={stop} />
      </header>
      <ol>
        {rows.map((id) => {
          const live = find(id);
          return live && <Row key={id} live={live} />;
        })}
      </ol>
      {inTurn.length > SEEN && (
        <button type="button" class="plain fold" aria-expanded={open.value} onClick={() => (open.value = !open.value)}>
          {open.value ? t("fold") : t("unfold", inTurn.length - SEEN)}
          <Icon name={open.value ? "minus" : "plus"} />
        </button>
      )}
    </section>
  );
}

function Row({ live }: { live: LiveJob }) {
  const { input } = live.job.peek();
  const shown = useComputed(() => {
    const [made] = live.job.value.outputs;
    return made ? source(made, 160) : live.previews.value.find(Boolean);
  });
  return (
    <li>
      <span class="mini">{shown.value && <img src={shown.value} alt="" />}</span>
      <div>
        <p class="words" dir="auto">
          {named(input.prompt)}
        </p>
        <Standing live={live} />
      </div>
      <Cancel id={live.id} />
    </li>
  );
}
