import { useSignal } from "@preact/signals";
import { cancelGrid, deleteGrid, readGrid } from "../api/collections/grids";
import type { Grid } from "../api/types";
import { forget } from "../state/live/jobs";
import { toast } from "../state/page/toasts";
import { Icon } from "../ui/Icon";
import { usePoll } from "../ui/poll";
import { sentence } from "../ui/sentence";
import { Sure } from "../ui/sheets/Sure";
import "./grids.css";
import { saveSheet } from "./save";
import { Table } from "./Table";
import { t } from "./words";

/** Milliseconds between two looks at a grid that is being made. */
const OFTEN = 2500;

/** Grids as they were seen last, so that a place to which somebody comes back is as high as it was. */
const seen = new Map<string, Grid>();

/** A grid as far as it is made, and what can be done with all of it; `away` is called when it is deleted. */
export function GridCard({ id, away }: { id: string; away?: () => void }) {
  const grid = useSignal<Grid | null>(seen.get(id) ?? null);
  const gone = useSignal(false);
  const busy = useSignal(false);
  usePoll(async () => {
    if (gone.peek() || (grid.peek() && grid.peek()!.ended === grid.peek()!.cells.length)) return;
    grid.value = await readGrid(id);
    seen.set(id, grid.value);
  }, OFTEN);
  const it = grid.value;
  if (!it || gone.value) return null;
  const all = it.cells.length;
  const made = it.counts.succeeded ?? 0;
  const open = it.ended < all;
  return (
    <article class="card grid-card" aria-label={t("table", it.prompt)}>
      <Table grid={it} />
      <div class="below">
        <p class="words" dir="auto">
          {it.prompt}
        </p>
        <p class="standing" role="status">
          {t("done", made, all)}
        </p>
        {open && <progress aria-label={t("done", it.ended, all)} max={all} value={it.ended} />}
        <div class="choices">
          {made > 0 && (
            <button
              type="button"
              disabled={busy.value}
              onClick={() => {
                busy.value = true;
                void saveSheet(id)
                  .catch((error: unknown) => toast(sentence(error, false)))
                  .finally(() => (busy.value = false));
              }}
            >
              <Icon name="download" />
              {t("sheet")}
            </button>
          )}
          {open ? (
            <Sure
              label={t("cancel")}
              question={t("surelyCancel")}
              act={async () => {
                grid.value = await cancelGrid(id);
              }}
            />
          ) : (
            <Sure
              label={t("remove")}
              question={t("surelyRemove")}
              act={async () => {
                await deleteGrid(id);
                gone.value = true;
                seen.delete(id);
                for (const { job } of it.cells) forget(job);
                away?.();
              }}
            />
          )}
        </div>
      </div>
    </article>
  );
}
