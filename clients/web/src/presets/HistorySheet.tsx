import { change } from "../state/form/draft";
import { find, ids } from "../state/live/jobs";
import { picking } from "../state/page/overlays";
import { Sheet } from "../ui/sheets/Sheet";
import "./presets.css";
import { t } from "./words";

/** As many as anybody looks through. */
const MOST = 60;

/** The prompts of earlier jobs, each once, the latest first. */
export function HistorySheet() {
  const close = () => (picking.value = null);
  const prompts = new Set(ids.value.map((id) => find(id)?.job.peek().input.prompt.trim() ?? "").filter(Boolean));
  return (
    <Sheet title={t("history")} close={close}>
      {!prompts.size && <p class="muted">{t("noHistory")}</p>}
      <ul class="preset-list">
        {[...prompts].slice(0, MOST).map((prompt) => (
          <li key={prompt}>
            <button
              type="button"
              class="use-it"
              dir="auto"
              onClick={() => {
                change({ prompt });
                close();
              }}
            >
              {prompt}
            </button>
          </li>
        ))}
      </ul>
    </Sheet>
  );
}
