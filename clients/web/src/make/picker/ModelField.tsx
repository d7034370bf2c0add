import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { draft } from "../../state/form/draft";
import { model } from "../../state/form/models";
import { Cover } from "../../ui/models/Cover";
import { described } from "../../ui/models/described";
import { familyName } from "../../ui/models/family";
import { Icon } from "../../ui/Icon";
import { Readiness } from "../../ui/models/Readiness";
import { useProblem } from "../problems";
import { t } from "../words";
import { ModelSheet } from "./ModelSheet";

/** The model that draws, and the way to another. */
export function ModelField() {
  const id = useId();
  const open = useSignal(false);
  const chosen = model.value;
  const named = draft.value.model;
  // A model that is gone stays named until another is chosen, so that nothing changes unseen.
  const gone = named !== null && chosen?.name !== named;
  const title = gone ? named : (chosen?.title ?? t("ownModel"));
  const problem = useProblem(["/model"]);
  return (
    <div class="field">
      <span class="label" aria-hidden="true">
        {t("model")}
      </span>
      <button
        type="button"
        class="tile chosen"
        aria-haspopup="dialog"
        aria-invalid={problem ? true : undefined}
        aria-describedby={problem ? `${id}-problem` : undefined}
        onClick={() => (open.value = true)}
      >
        <Cover name={title} family={gone ? "" : chosen?.family} url={gone ? null : chosen?.preview_url} />
        <span>
          <b>
            <span class="unseen">{t("model")}</span> <bdi>{title}</bdi>
          </b>
          {gone && <span class="muted">{t("modelGone")}</span>}
          {chosen && !gone && (
            <>
              <span class="muted">{familyName(chosen.family)}</span>
              <Readiness {...chosen} />
            </>
          )}
        </span>
        <Icon name="forward" />
      </button>
      {chosen && !gone && chosen.description && <p class="muted" dir="auto">{described(chosen)}</p>}
      {problem && (
        <p id={`${id}-problem`} class="error">
          {problem}
        </p>
      )}
      {open.value && <ModelSheet chosen={gone ? null : chosen} close={() => (open.value = false)} />}
    </div>
  );
}
