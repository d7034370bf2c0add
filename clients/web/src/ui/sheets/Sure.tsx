import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { words } from "../../i18n";
import { toast } from "../../state/page/toasts";
import { sentence } from "../sentence";
import "./sure.css";

const t = words("ui/sheets/Sure", { en: { keep: "Keep" }, vi: { keep: "Giữ lại" } });

/** A button that asks once more, in its own place, before it does what cannot be undone. */
export function Sure(props: { label: string; name?: string; question: string; act(): Promise<void> }) {
  const asked = useSignal(false);
  const busy = useSignal(false);
  const yes = useRef<HTMLButtonElement>(null);
  const first = useRef<HTMLButtonElement>(null);
  const began = useRef(false);
  useEffect(() => {
    // The focus goes with the question, and back.
    if (asked.value) yes.current?.focus();
    else if (began.current) first.current?.focus();
    began.current = asked.value;
  }, [asked.value]);

  const act = async () => {
    busy.value = true;
    try {
      await props.act();
    } catch (error) {
      toast(sentence(error, false));
    } finally {
      busy.value = false;
      asked.value = false;
    }
  };

  if (!asked.value) {
    return (
      <button ref={first} type="button" aria-label={props.name} onClick={() => (asked.value = true)}>
        {props.label}
      </button>
    );
  }
  return (
    <div class="sure" role="group" aria-label={props.question}>
      <p>{props.question}</p>
      <button ref={yes} type="button" class="primary" disabled={busy.value} onClick={() => void act()}>
        {props.label}
      </button>
      <button type="button" onClick={() => (asked.value = false)}>
        {t("keep")}
      </button>
    </div>
  );
}
