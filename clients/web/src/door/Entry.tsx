import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { deviceName } from "./name";
import { t } from "./words";

export type Entry = ReturnType<typeof useEntry>;

/** What somebody who wants in has typed, in the page or the app, and what has come of it. */
export function useEntry(scanned = "") {
  const code = useSignal(scanned);
  // Null while nobody has typed a better name.
  const name = useSignal<string | null>(null);
  return {
    code,
    name,
    busy: useSignal(false),
    problem: useSignal(""),
    letters: useRef<HTMLInputElement>(null),
    tap: useRef<HTMLButtonElement>(null),
    typedCode: () => code.peek().trim(),
    typedName: () => name.peek()?.trim() || deviceName(),
  };
}

interface FieldsProps {
  entry: Entry;
  /** The element's id that says what is wrong. */
  id: string;
  /** What the button says. */
  label: string;
  /** Whether the code needs no typing. */
  scanned?: boolean;
  /** Whether the code is what is wrong. */
  wrong?: boolean;
}

/** The code, what the device is called, and the button that goes in by them. */
export function Fields({ entry, id, label, scanned = false, wrong }: FieldsProps) {
  const { code, name, busy, problem } = entry;
  return (
    <>
      <label hidden={scanned}>
        {t("code")}
        <input
          ref={entry.letters}
          class="code"
          dir="ltr"
          value={code.value}
          onInput={(event) => (code.value = event.currentTarget.value)}
          autocomplete="off"
          autocapitalize="characters"
          spellcheck={false}
          placeholder="K7QX-92MD"
          maxLength={64}
          aria-invalid={wrong}
          aria-describedby={id}
        />
      </label>
      <label>
        {t("name")}
        <input
          dir="auto"
          value={name.value ?? deviceName()}
          onInput={(event) => (name.value = event.currentTarget.value)}
          maxLength={60}
          autocomplete="off"
        />
      </label>
      <button ref={entry.tap} class="primary" disabled={busy.value}>
        {busy.value ? t("pairing") : label}
      </button>
      <p id={id} class="error" role="alert">
        {problem.value}
      </p>
    </>
  );
}
