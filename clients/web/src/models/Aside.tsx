import * as api from "../api/models/models";
import { leftAlone, troubles } from "../state/form/models";
import { useAct } from "./act";
import { t } from "./words";

/** What is there and not on offer: models that are switched off, and files that cannot be used. */
export function Aside() {
  const { busy, act } = useAct();
  const off = leftAlone.value;
  return (
    <>
      {off.length > 0 && (
        <section class="aside" aria-labelledby="switched-off">
          <h2 id="switched-off">{t("switchedOff")}</h2>
          <ul>
            {off.map(({ model, worker }) => (
              <li key={`${model} ${worker}`}>
                <span>
                  {model} <span class="muted">{t("onWorker", worker)}</span>
                </span>
                <button
                  type="button"
                  disabled={busy}
                  aria-label={t("onName", model)}
                  onClick={() => void act(() => api.put(model, worker, true), t("onNow", model))}
                >
                  {t("on")}
                </button>
              </li>
            ))}
          </ul>
        </section>
      )}
      {troubles.value.length > 0 && (
        <section class="aside" aria-labelledby="not-usable">
          <h2 id="not-usable">{t("notUsable")}</h2>
          <ul>
            {troubles.value.map((each) => (
              <li key={each}>{each}</li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}
