import { Capacitor } from "@capacitor/core";
import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { Unreachable } from "../../../web/src/api/errors";
import { Fields, useEntry } from "../../../web/src/door/Entry";
import { reason } from "../../../web/src/door/pair";
import { Icon } from "../../../web/src/ui/Icon";
import { canLook, look, nearby, type Nearby } from "../phone/nearby";
import { scan } from "../phone/scanner";
import { BadAddress, serverAddress } from "../servers/address";
import { readInvitation } from "../servers/invitation";
import { isOpen, NoDarkroom } from "../servers/pairing";
import { enter } from "../shell";
import { t } from "../words";

/** Finds a server, by its code, on the network or by its address, and pairs with it. */
export function Add() {
  const entry = useEntry();
  const { code, busy, problem, letters, tap } = entry;
  const address = useSignal("");
  /** Of the server's own certificate authority, as the code that was scanned says it. */
  const authority = useSignal<string | null>(null);
  const untrusted = useSignal(false);
  const found = useRef<Nearby | null>(null);
  const where = useRef<HTMLInputElement>(null);

  useEffect(() => (canLook ? look() : undefined), []);

  const set = (base: string, letters = "", trust: string | null = null) => {
    address.value = base;
    code.value = letters;
    authority.value = trust;
    problem.value = "";
    untrusted.value = false;
  };

  const take = (text: string): boolean => {
    try {
      const invitation = readInvitation(text);
      if (invitation) set(invitation.base, invitation.code, invitation.authority);
      return invitation !== null;
    } catch (error) {
      problem.value = said(error, text);
      return true;
    }
  };

  const scanned = async () => {
    try {
      const text = await scan(t("scanning"));
      if (text === null) return;
      if (take(text)) tap.current?.focus();
      else problem.value = t("notACode");
    } catch {
      problem.value = t("noCamera");
    }
  };

  const pair = async (event: Event) => {
    event.preventDefault();
    problem.value = "";
    untrusted.value = false;
    busy.value = true;
    let base = "";
    try {
      base = serverAddress(address.peek());
      if (!entry.typedCode() && !(await isOpen(base))) {
        problem.value = t("needsCode");
        letters.current?.focus();
        return;
      }
      const name = found.current?.base === base ? found.current.name : new URL(base).hostname;
      await enter(base, entry.typedCode(), entry.typedName(), name);
    } catch (error) {
      untrusted.value = error instanceof Unreachable && authority.peek() !== null;
      problem.value = untrusted.peek() ? t("noTrust", base) : said(error, base);
      if (error instanceof BadAddress) where.current?.focus();
    } finally {
      busy.value = false;
    }
  };

  return (
    <div class="add">
      {Capacitor.isNativePlatform() && (
        <button type="button" onClick={() => void scanned()}>
          <Icon name="camera" />
          {t("scan")}
        </button>
      )}
      {canLook && (
        <section aria-labelledby="nearby">
          <h3 id="nearby">{t("nearby")}</h3>
          {!nearby.value.length && <p class="muted">{t("looking")}</p>}
          {nearby.value.map((each) => (
            <button
              type="button"
              key={each.base}
              onClick={() => {
                found.current = each;
                set(each.base);
                letters.current?.focus();
              }}
            >
              <span>
                {each.name}
                <span class="muted">{each.base}</span>
              </span>
            </button>
          ))}
        </section>
      )}
      <form noValidate aria-label={t("typed")} onSubmit={(event) => void pair(event)}>
        <label>
          {t("address")}
          <input
            ref={where}
            value={address.value}
            onInput={(event) => {
              // Somebody may have copied the whole of what the code says.
              const text = event.currentTarget.value;
              if (!take(text)) address.value = text;
            }}
            inputMode="url"
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            placeholder="192.168.1.5"
            aria-describedby="add-problem"
          />
        </label>
        <Fields entry={entry} id="add-problem" label={t("pair")} />
        {untrusted.value && <p class="fingerprint">{authority.value}</p>}
      </form>
    </div>
  );
}

function said(error: unknown, base: string): string {
  if (error instanceof BadAddress) return t(error.reason);
  if (error instanceof NoDarkroom) return t("noDarkroom");
  if (error instanceof Unreachable) return t("noAnswer", base);
  return reason(error);
}
