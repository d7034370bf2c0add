import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { platform } from "../platform";
import { askToTell, isTopic, ntfy, tellable, telling } from "../state/live/notices";
import { t } from "./words";

/** Who is told when a picture is done. */
export function Notices() {
  return (
    <section aria-labelledby="notices">
      <h2 id="notices">{t("notices")}</h2>
      {/* The mobile shell tells in the phone's own way. */}
      {!platform.base.value && <Here />}
      <Topic />
    </section>
  );
}

function Here() {
  const refused = useSignal(false);
  if (!tellable) return <p class="muted">{t("onlySecure")}</p>;
  return (
    <>
      <label class="check">
        <input
          type="checkbox"
          checked={telling.value}
          onChange={(event) => {
            const box = event.currentTarget;
            if (!box.checked) telling.value = false;
            else
              void askToTell().then((may) => {
                refused.value = !may;
                box.checked = may;
              });
          }}
        />
        {t("tellHere")}
      </label>
      {refused.value && (
        <p class="error" role="alert">
          {t("tellRefused")}
        </p>
      )}
    </>
  );
}

function Topic() {
  const id = useId();
  const text = useSignal(ntfy.peek());
  const wrong = useSignal(false);
  return (
    <div class="field">
      <label for={id}>{t("ntfy")}</label>
      <input
        id={id}
        type="url"
        inputMode="url"
        dir="ltr"
        placeholder="https://ntfy.sh/…"
        autocomplete="off"
        value={text.value}
        aria-invalid={wrong.value || undefined}
        aria-describedby={`${id}-help`}
        onInput={(event) => {
          text.value = event.currentTarget.value;
          wrong.value = false;
        }}
        onChange={() => {
          const topic = text.value.trim();
          wrong.value = topic !== "" && !isTopic(topic);
          if (!wrong.value) ntfy.value = topic;
        }}
      />
      <p id={`${id}-help`} class={wrong.value ? "error" : "muted"}>
        {t(wrong.value ? "ntfyWrong" : ntfy.value ? "ntfyOn" : "ntfyHelp")}
      </p>
    </div>
  );
}
