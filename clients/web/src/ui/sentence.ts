/** A problem as a sentence with what to do about it. */
import { Refused, Unreachable } from "../api/errors";
import { duration, language, words } from "../i18n";
import { said } from "./said";

const t = words("ui/sentence", {
  en: {
    away: "The server cannot be reached. Is this device on its network?",
    again: (wait: string) => `Trying again in ${wait}.`,
    locked: "This device is not paired any more. Pair it again.",
    odd: "Something went wrong on this page. Reload it, and nothing you typed is lost.",
  },
  vi: {
    away: "Không liên lạc được với máy chủ. Thiết bị này có ở cùng mạng không?",
    again: (wait: string) => `Sẽ thử lại sau ${wait}.`,
    locked: "Thiết bị này không còn được ghép nối. Hãy ghép nối lại.",
    odd: "Trang này gặp sự cố. Hãy tải lại, những gì bạn đã nhập vẫn còn.",
  },
});

/** Where `again` is false, nothing tries it again by itself. */
export function sentence(error: unknown, again = true): string {
  if (error instanceof Unreachable) return t("away");
  if (!(error instanceof Refused)) return t("odd");
  if (error.status === 401) return t("locked");
  const wait = again && error.passing && error.retryAfter ? ` ${t("again", duration(error.retryAfter))}` : "";
  return capital(said(error.message, error.wording ?? { code: error.code, values: {} })) + wait;
}

/** What ends a sentence where it is no full stop. */
const STOPS: Readonly<Record<string, string>> = { ja: "。", "zh-Hans": "。" };

/** The text as a sentence: a capital first, and an end. */
export function capital(text: string): string {
  const whole = /[.!?…。！？؟]$/.test(text) ? text : text + (STOPS[language.value] ?? ".");
  return whole.charAt(0).toUpperCase() + whole.slice(1);
}
