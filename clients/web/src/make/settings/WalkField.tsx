import { useId } from "preact/hooks";
import type { Model, Walk } from "../../api/types";
import { change, draft } from "../../state/form/draft";
import { mend } from "../../state/form/problems";
import { t } from "../../walks/words";
import { useProblem } from "../problems";
import { Choice } from "./Choice";

const OFFERED = ["prompts", "seeds", "words", "steps"] as const;

type Offered = (typeof OFFERED)[number];

/** Pictures between two ends where nothing was chosen. */
const FRAMES = 8;

/** Whether the pictures are a walk, and where it leads. */
export function WalkField({ model }: { model: Model }) {
  const { walk } = draft.value;
  if (!model.kinds.includes("walk")) return null;
  // One that was filled in from another job may be of a kind that the room of anatomy alone offers.
  const more = walk && !OFFERED.includes(walk.over as Offered) ? [walk.over] : [];
  return (
    <>
      <Choice
        label={t("walk")}
        pointer={walk?.over === "prompts" ? "/walk/over" : "/walk"}
        value={walk?.over ?? ""}
        options={[
          { value: "", text: t("none") },
          ...[...OFFERED, ...more].map((over) => ({ value: over, text: t(over) })),
        ]}
        help={walk ? t("help") : undefined}
        change={(over) => {
          const between = over === "prompts" || over === "seeds";
          change({ walk: over ? { over: over as Offered } : null, count: between ? Math.min(FRAMES, model.limits.max_count) : 1 });
        }}
      />
      {walk?.over === "prompts" && <Towards walk={walk} />}
    </>
  );
}

/** The prompt at the other end. */
function Towards({ walk }: { walk: Walk }) {
  const id = useId();
  const problem = useProblem(["/walk/prompt"]);
  return (
    <div class="field">
      <label for={id}>{t("to")}</label>
      <textarea
        id={id}
        rows={2}
        dir="auto"
        value={walk.prompt ?? ""}
        aria-invalid={problem ? true : undefined}
        onInput={(event) => {
          mend("/walk/prompt");
          change({ walk: { ...walk, prompt: event.currentTarget.value } });
        }}
      />
      {problem && <p class="error">{problem}</p>}
    </div>
  );
}
