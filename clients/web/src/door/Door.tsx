import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Refused } from "../api/errors";
import { platform } from "../platform";
import { restart } from "../state/sync";
import { Languages } from "../ui/Choices";
import { Icon } from "../ui/Icon";
import "./door.css";
import { deviceName } from "./name";
import { isPaired, pair, reason, scannedCode } from "./pair";
import { t } from "./words";

/** Asks for a code, and makes this device one that may come in. */
export function Door() {
  const code = useSignal(scannedCode());
  const scanned = useSignal(code.peek() !== "");
  // Null while nobody has typed a better name.
  const name = useSignal<string | null>(null);
  const busy = useSignal(false);
  const problem = useSignal("");
  const inside = useSignal(false);
  const letters = useRef<HTMLInputElement>(null);
  const tap = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    (scanned.peek() ? tap : letters).current?.focus();
    // Scanned again while this page was open.
    const again = () => {
      if (!scannedCode()) return;
      code.value = scannedCode();
      scanned.value = true;
      problem.value = "";
      inside.value = false;
    };
    addEventListener("hashchange", again);
    return () => removeEventListener("hashchange", again);
  }, []);

  const enter = async (event: Event) => {
    event.preventDefault();
    problem.value = code.peek().trim() ? "" : t("empty");
    if (problem.peek()) return letters.current?.focus();
    busy.value = true;
    try {
      await pair(code.peek().trim(), name.peek()?.trim() || deviceName());
      // Not into the history: who goes back would find a code that was used.
      if (location.pathname === "/pair") location.replace("/");
      else restart();
    } catch (error) {
      problem.value = reason(error);
      inside.value = error instanceof Refused && error.code === "wrong-code" && (await isPaired());
      scanned.value = false;
      setTimeout(() => letters.current?.select());
    } finally {
      busy.value = false;
    }
  };

  return (
    <main class="door">
      <img src={`${import.meta.env.BASE_URL}logo.svg`} alt="" width="72" height="72" />
      <h1>{t("title")}</h1>
      <p class="muted">{scanned.value ? t("scanned") : t("hint")}</p>
      {platform.servers && (
        <button type="button" onClick={() => void platform.servers!()}>
          <Icon name="camera" />
          {t("servers")}
        </button>
      )}
      <form noValidate onSubmit={(event) => void enter(event)}>
        <label hidden={scanned.value}>
          {t("code")}
          <input
            ref={letters}
            class="code"
            value={code.value}
            onInput={(event) => (code.value = event.currentTarget.value)}
            autocomplete="off"
            autocapitalize="characters"
            spellcheck={false}
            placeholder="K7QX-92MD"
            maxLength={64}
            aria-invalid={problem.value !== ""}
            aria-describedby="door-problem"
          />
        </label>
        <label>
          {t("name")}
          <input
            value={name.value ?? deviceName()}
            onInput={(event) => (name.value = event.currentTarget.value)}
            maxLength={60}
            autocomplete="off"
          />
        </label>
        <button ref={tap} class="primary" disabled={busy.value}>
          {busy.value ? t("pairing") : t("pair")}
        </button>
        <p id="door-problem" class="error" role="alert">
          {problem.value}
        </p>
        {inside.value && (
          <p>
            {t("already")} <a href="/">{t("goOn")}</a>
          </p>
        )}
      </form>
      <Languages />
    </main>
  );
}
