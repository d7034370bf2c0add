import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Refused } from "../api/errors";
import { platform } from "../platform";
import { restart } from "../state/live/sync";
import { Languages } from "../ui/Choices";
import { Icon } from "../ui/Icon";
import "./door.css";
import { Fields, useEntry } from "./Entry";
import { isPaired, pair, reason, scannedCode } from "./pair";
import { t } from "./words";

/** Asks for a code, and makes this device one that may come in. */
export function Door() {
  const entry = useEntry(scannedCode());
  const { code, busy, problem, letters, tap } = entry;
  const scanned = useSignal(code.peek() !== "");
  const inside = useSignal(false);
  // How often a code was scanned: an answer to an earlier one says nothing of the one shown now.
  const scans = useRef(0);

  useEffect(() => {
    (scanned.peek() ? tap : letters).current?.focus();
    // Scanned again while this page was open.
    const again = () => {
      if (!scannedCode()) return;
      scans.current += 1;
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
    problem.value = entry.typedCode() ? "" : t("empty");
    if (problem.peek()) return letters.current?.focus();
    busy.value = true;
    const scan = scans.current;
    try {
      await pair(entry.typedCode(), entry.typedName());
      // Not into the history: who goes back would find a code that was used.
      if (location.pathname === "/pair") location.replace("/");
      else restart();
    } catch (error) {
      if (scan !== scans.current) return;
      problem.value = reason(error);
      scanned.value = false;
      setTimeout(() => letters.current?.select());
      const used = error instanceof Refused && error.code === "wrong-code" && (await isPaired());
      if (scan === scans.current) inside.value = used;
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
        <Fields
          entry={entry}
          id="door-problem"
          label={t("pair")}
          scanned={scanned.value}
          wrong={problem.value !== ""}
        />
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
