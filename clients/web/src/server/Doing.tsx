import { documentation } from "../api/server";
import { number } from "../i18n";
import { platform } from "../platform";
import { usePoll } from "../ui/poll";
import { refreshState, serverState } from "./state";
import { t } from "./words";

/** The queue and the workers, as they are now. */
export function Doing() {
  usePoll(refreshState, 3000);
  const state = serverState.value;
  return (
    <section aria-labelledby="doing">
      <h2 id="doing">{t("doing")}</h2>
      {state && (
        <>
          {state.alive === 0 && <p class="error">{t("noWorker")}</p>}
          <dl class="figures">
            <Figure name={t("running")} value={number(state.running)} />
            <Figure name={t("waiting")} value={number(state.waiting)} />
            <Figure name={t("workers")} value={number(state.alive)} />
            {state.jobs_per_second && (
              <Figure name={t("rate")} value={number(state.jobs_per_second * 60, 1)} />
            )}
          </dl>
          <ul class="rows">
            {state.workers.map((each) => (
              <li key={each.name}>
                <div>
                  <p>{each.device}</p>
                  <p class="muted">{each.name}</p>
                </div>
                <span class={each.running ? "badge here" : "badge"}>
                  {each.running ? t("busy", number(each.running)) : t("idle")}
                </span>
              </li>
            ))}
          </ul>
          <p class="muted">
            {t("version", state.version)} · {state.door === "open" ? t("open") : t("closed")}
          </p>
        </>
      )}
      {/* In the mobile shell the link would lead to a browser that is not paired. */}
      {!platform.base.value && (
        <>
          <a class="button wide" href="/show">
            {t("bigScreen")}
          </a>
          <a class="button wide" href={documentation()} target="_blank" rel="noopener">
            {t("docs")}
          </a>
        </>
      )}
    </section>
  );
}

function Figure(props: { name: string; value: string }) {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd>{props.value}</dd>
    </div>
  );
}
