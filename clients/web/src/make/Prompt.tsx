import { useEffect, useId, useLayoutEffect, useRef } from "preact/hooks";
import { pictureIn, take } from "../actions/take";
import { change, draft, onlyEnlarges } from "../state/form/draft";
import { input, type Use } from "../state/form/input";
import { picking } from "../state/page/overlays";
import { mend } from "../state/form/problems";
import { Icon } from "../ui/Icon";
import { useProblem } from "./problems";
import { t } from "./words";

/** What is asked for where not all of a picture is drawn, and an example of it. */
const ASKED: { readonly [use in Use]?: readonly ["editPrompt" | "paintPrompt", "editHint" | "paintHint"] } = {
  edit: ["editPrompt", "editHint"],
  inpaint: ["paintPrompt", "paintHint"],
};

/** Where the user says what to draw: as tall as what is said. */
export function Prompt({ send }: { send(): void }) {
  const id = useId();
  const field = useRef<HTMLTextAreaElement>(null);
  const { prompt } = draft.value;
  const problem = useProblem(["/prompt"]);
  const use = input.value?.use;
  const enlarged = onlyEnlarges(draft.value, input.value);
  const [asks, hint] = (use && ASKED[use]) ?? ([enlarged ? "enlargePrompt" : "prompt", "promptHint"] as const);

  useLayoutEffect(() => {
    const { style } = field.current!;
    style.height = "auto";
    style.height = `${field.current!.scrollHeight + 2}px`;
  }, [prompt]);

  useEffect(() => {
    const paste = (event: ClipboardEvent) => {
      const picture = pictureIn(event.clipboardData);
      if (!picture) return;
      event.preventDefault();
      void take(picture);
    };
    addEventListener("paste", paste);
    return () => removeEventListener("paste", paste);
  }, []);

  return (
    <div class="prompt">
      <div class="prompt-head">
        <label for={id}>{t(asks)}</label>
        <button type="button" class="plain" aria-haspopup="dialog" aria-label={t("history")} title={t("history")} onClick={() => (picking.value = "history")}>
          <Icon name="clock" />
        </button>
        <button type="button" class="plain" aria-haspopup="dialog" aria-label={t("presets")} title={t("presets")} onClick={() => (picking.value = "presets")}>
          <Icon name="style" />
        </button>
      </div>
      <textarea
        ref={field}
        id={id}
        rows={2}
        dir="auto"
        placeholder={enlarged ? undefined : t(hint)}
        enterkeyhint="send"
        autocapitalize="sentences"
        value={prompt}
        aria-invalid={problem ? true : undefined}
        aria-describedby={problem ? `${id}-problem` : undefined}
        onInput={(event) => {
          mend("/prompt");
          change({ prompt: event.currentTarget.value });
        }}
        onKeyDown={(event) => {
          // While a word is still being composed, Enter ends the word.
          if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          send();
        }}
      />
      {problem && (
        <p id={`${id}-problem`} class="error">
          {problem}
        </p>
      )}
    </div>
  );
}
