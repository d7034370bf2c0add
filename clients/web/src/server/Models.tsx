import type { ModelState } from "../api/types";
import { models } from "../state/models";
import { serverState } from "./state";
import { t } from "./words";

/** What can be asked for, and how soon each could begin. */
export function Models() {
  const states = new Map(serverState.value?.models.map((each) => [each.name, each]));
  return (
    <section aria-labelledby="models">
      <h2 id="models">{t("models")}</h2>
      {models.value.length === 0 && <p class="muted">{t("noModels")}</p>}
      <ul class="rows models">
        {models.value.map((each) => {
          const title = each.title || each.name;
          return (
            <li key={each.name}>
              <p class="named">
                {title}
                {each.default && <span class="badge">{t("standard")}</span>}
              </p>
              <Readiness title={title} state={states.get(each.name) ?? each} />
              {each.description && <p class="muted">{each.description}</p>}
              {each.licence && <p class="muted">{t("licence", each.licence)}</p>}
            </li>
          );
        })}
      </ul>
    </section>
  );
}

function Readiness({ title, state }: { title: string; state: Pick<ModelState, "state" | "loaded"> }) {
  return (
    <>
      <p class={`readiness ${state.state}`}>{t(state.state)}</p>
      {state.state === "loading" && (
        <progress aria-label={t("loadingOf", title)} max={1} value={state.loaded} />
      )}
    </>
  );
}
