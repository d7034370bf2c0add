import { useId } from "preact/hooks";
import { randomSeed } from "../../browser";
import { change, draft } from "../../state/form/draft";
import { mend } from "../../state/form/problems";
import { Icon } from "../../ui/Icon";
import { useProblem } from "../problems";
import { t } from "../words";

/** The seed: rolled, typed, or kept for the pictures to come. */
export function SeedField() {
  const id = useId();
  const { seed, seedLocked } = draft.value;
  const problem = useProblem(["/seed"]);
  return (
    <div class="field">
      <label for={id}>{t("seed")}</label>
      <div class="seed">
        <input
          id={id}
          inputMode="numeric"
          autocomplete="off"
          placeholder={t("seedRandom")}
          value={seed ?? ""}
          aria-invalid={problem ? true : undefined}
          aria-describedby={`${id}-help`}
          onInput={(event) => {
            mend("/seed");
            const digits = event.currentTarget.value.replace(/\D/g, "").slice(0, 15);
            event.currentTarget.value = digits;
            // Who types a seed means to keep it.
            change({ seed: digits ? Number(digits) : null, seedLocked: digits !== "" });
          }}
        />
        <button
          type="button"
          aria-label={t("dice")}
          title={t("dice")}
          onClick={() => {
            mend("/seed");
            change({ seed: randomSeed() });
          }}
        >
          <Icon name="dice" />
        </button>
        <button
          type="button"
          aria-label={t("lock")}
          title={t("lock")}
          aria-pressed={seedLocked}
          onClick={() => change(seedLocked ? { seed: null, seedLocked: false } : { seedLocked: true, seed: seed ?? randomSeed() })}
        >
          <Icon name={seedLocked ? "lock" : "unlock"} />
        </button>
      </div>
      <p id={`${id}-help`} class={problem ? "error" : "muted"}>
        {problem || t("seedHelp")}
      </p>
    </div>
  );
}
