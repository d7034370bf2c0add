import { Refused } from "../../api/errors";
import { model } from "../../state/form/models";
import { drop, retry, type Outgoing } from "../../state/live/outgoing";
import { Icon } from "../../ui/Icon";
import { said } from "../../ui/said";
import { sentence } from "../../ui/sentence";
import { editUnsent } from "./edit";
import { named } from "../sentence";
import { t } from "../words";

/** A request that the server does not have yet, in the shape of the card that it will be. */
export function OutgoingCard({ entry }: { entry: Outgoing }) {
  const { request, problem } = entry;
  const refused = problem instanceof Refused && !problem.passing;
  const { width, height } = entry.size ?? { width: request.width ?? model.value?.width, height: request.height ?? model.value?.height };
  const count = request.count ?? 1;
  return (
    <article class="card" data-status="outgoing" aria-label={named(request.prompt)}>
      {!refused && (
        <div class="frames" data-count={Math.min(count, 5)}>
          {Array.from({ length: count }, (_, index) => (
            <div key={index} class="frame" style={{ aspectRatio: `${width ?? 1} / ${height ?? 1}` }} />
          ))}
        </div>
      )}
      <div class="below">
        <p class="words" dir="auto">{named(request.prompt)}</p>
        <p class={refused ? "error" : "standing"} role={refused ? "alert" : undefined}>
          {standing(problem)}
        </p>
        {refused && problem.fields.length > 0 && (
          <ul class="error">
            {problem.fields.map((each) => (
              <li key={each.pointer}>
                {each.pointer.slice(1)}: {said(each.detail, each.wording)}
              </li>
            ))}
          </ul>
        )}
        {problem && (
          <div class="choices">
            <button type="button" onClick={() => void retry(entry.key)}>
              <Icon name="again" />
              {t("retry")}
            </button>
            <button
              type="button"
              onClick={() => {
                drop(entry.key);
                void editUnsent(entry);
              }}
            >
              <Icon name="edit" />
              {t("edit")}
            </button>
            <button type="button" onClick={() => drop(entry.key)}>
              {t("discard")}
            </button>
          </div>
        )}
      </div>
    </article>
  );
}

function standing(problem: Outgoing["problem"]): string {
  if (!problem) return t("sending");
  if (!(problem instanceof Refused)) return t("unsent");
  return problem.passing ? `${sentence(problem)} ${t("unsentBusy")}` : sentence(problem);
}
