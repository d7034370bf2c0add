import { show, state } from "../state";
import { t } from "../words";

/** What to make: a prompt, its noise, and how many steps. */
export function Recipe({ run, busy, label }: { run(): void; busy: boolean; label: string }) {
  const { prompt, seed, steps, guidance } = state.value;
  return (
    <form
      class="recipe-form"
      onSubmit={(event) => {
        event.preventDefault();
        run();
      }}
    >
      <label class="wide">
        {t("prompt")}
        <input type="text" dir="auto" value={prompt} onInput={(event) => show({ prompt: event.currentTarget.value, image: "" })} />
      </label>
      <Count label={t("seed")} value={seed} least={0} most={2 ** 32 - 1} change={(value) => show({ seed: value, image: "" })} />
      <Count label={t("steps")} value={steps} least={1} most={60} change={(value) => show({ steps: value, image: "" })} />
      <Count label={t("guidance")} value={guidance} least={0} most={20} change={(value) => show({ guidance: value, image: "" })} />
      <button type="submit" class="primary" disabled={busy || !prompt.trim()}>
        {label}
      </button>
    </form>
  );
}

function Count(props: { label: string; value: number; least: number; most: number; change(value: number): void }) {
  const { label, value, least, most, change } = props;
  return (
    <label>
      {label}
      <input
        type="number"
        inputMode="decimal"
        min={least}
        max={most}
        step="any"
        value={value}
        onChange={(event) => {
          const typed = Number(event.currentTarget.value);
          change(Math.min(most, Math.max(least, Number.isFinite(typed) ? typed : least)));
        }}
      />
    </label>
  );
}
