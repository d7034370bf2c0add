import * as api from "../api/models/models";
import type { Model } from "../api/types";
import { Readiness } from "../ui/models/Readiness";
import { useAct } from "./act";
import { Change } from "./changing/Change";
import { t } from "./words";

/** What an admin does with a model: in and out of memory, on and off workers. */
export function Care({ model, close }: { model: Model; close(): void }) {
  const { busy, act } = useAct();
  const { name, title, pinned, state, workers } = model;
  const off = () =>
    act(async () => {
      for (const each of workers) await api.put(name, each.name, false);
    }, t("offNow", title));
  return (
    <section class="care" aria-label={t("care")}>
      <h3>{t("care")}</h3>
      <div class="ways">
        {state === "cold" ? (
          <button type="button" disabled={busy || !model.live} onClick={() => void act(() => api.order(name, "load"), t("loads", title))}>
            {t("load")}
          </button>
        ) : (
          <button
            type="button"
            disabled={busy || pinned}
            onClick={() => void act(() => api.order(name, "unload"), t("unloads", title))}
          >
            {t("unload")}
          </button>
        )}
        <button
          type="button"
          disabled={busy || !model.live}
          aria-pressed={pinned}
          onClick={() => void act(() => api.pin(name, !pinned))}
        >
          {t("pin")}
        </button>
        <button type="button" disabled={busy || !workers.length} onClick={() => void off()}>
          {t("off")}
        </button>
      </div>
      <p class="muted">{pinned ? t("pinnedHelp") : t("careHelp")}</p>
      {workers.length > 1 && (
        <ul class="on-workers">
          {workers.map((each) => (
            <li key={each.name}>
              <span>
                {each.device} <span class="muted">{each.name}</span>
              </span>
              <Readiness title={title} state={each.state} loaded={each.loaded} />
              <button
                type="button"
                disabled={busy}
                aria-label={t("offWorker", each.name)}
                onClick={() => void act(() => api.put(name, each.name, false))}
              >
                {t("off")}
              </button>
            </li>
          ))}
        </ul>
      )}
      <Change of={model} close={close} />
    </section>
  );
}
