import { computed, useComputed, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useMemo } from "preact/hooks";
import { cancel } from "../api/jobs";
import { source } from "../api/images";
import { find, merge, type LiveJob } from "../state/live/jobs";
import { Icon } from "../ui/Icon";
import { Sure } from "../ui/sheets/Sure";
import { Cancel } from "./Cancel";
import { MoveButtons } from "./MoveButtons";
import { canMove, inTurn, type Moved } from "./order";
import { named } from "./sentence";
import { Standing } from "./Standing";
import { t } from "./words";

/** Rows that are seen of a folded queue: what runs, and what is next. */
const SEEN = 3;

/** Many jobs that have not ended, a row each, so that the pictures below stay where they are. */
export function Queue({ ids }: { ids: readonly string[] }) {
  const open = useSignal(false);
  const asked = useSignal(false);
  const moved = useSignal<Moved | null>(null);
  // A text, so that the rows are drawn again only where they are others.
  const turn = useMemo(() => computed(() => inTurn(ids).join(" ")), [ids.join(" ")]);
  const every = turn.value.split(" ");
  const movable = useMemo(() => computed(() => canMove(ids)), [ids.join(" ")]).value;
  const moving = asked.value && movable;
  const rows = open.value || moving ? every : every.slice(0, SEEN);
  const stop = async () => {
    // The last first, so that none begins in the place of one that was just canceled. One that ended meanwhile is no reason to leave the others running.
    const answers = await Promise.allSettled([...every].reverse().map(cancel));
    merge(answers.flatMap((each) => (each.status === "fulfilled" ? [each.value] : [])));
    const refused = answers.find((each) => each.status === "rejected");
    if (refused) throw refused.reason;
  };
  return (
    <section class="queue" aria-label={t("queue")}>
      <header>
        <h3>{t("inQueue", ids.length)}</h3>
        <div class="choices">
          {movable && (
            <button type="button" aria-pressed={moving} onClick={() => (asked.value = !moving)}>
              {t("reorder")}
            </button>
          )}
          <Sure label={t("cancelAll")} question={t("sureCancelAll", ids.length)} act={stop} />
        </div>
      </header>
      <p class="unseen" role="status">
        {moved.value && t("nowAt", moved.value.prompt, moved.value.place, moved.value.of)}
      </p>
      <ol>
        {rows.map((id) => {
          const live = find(id);
          return (
            live && (
              <Row key={id} live={live}>
                {moving ? <MoveButtons id={id} among={every} moved={(now) => (moved.value = now)} /> : <Cancel id={id} />}
              </Row>
            )
          );
        })}
      </ol>
      {every.length > SEEN && !moving && (
        <button type="button" class="plain fold" aria-expanded={open.value} onClick={() => (open.value = !open.value)}>
          {open.value ? t("fold") : t("unfold", every.length - SEEN)}
          <Icon name={open.value ? "minus" : "plus"} />
        </button>
      )}
    </section>
  );
}

function Row({ live, children }: { live: LiveJob; children: ComponentChildren }) {
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
      {children}
    </li>
  );
}
