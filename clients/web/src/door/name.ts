import { plain } from "../i18n/direction";
import { t } from "./words";

/** What a device may be called unless its user has a better name: `Chrome on Android phone`. */
export function deviceName(agent = navigator.userAgent, touches = navigator.maxTouchPoints): string {
  const system = first(agent, [
    [/iPhone/, "iPhone"],
    [/iPad/, "iPad"],
    [/Android.*Mobile/, t("phone")],
    [/Android/, t("tablet")],
    // An iPad says that it is a Mac; a Mac has no touch screen.
    [/Mac OS X/, touches > 1 ? "iPad" : "Mac"],
    [/Windows/, "Windows"],
    [/CrOS/, "Chromebook"],
    [/Linux/, "Linux"],
  ]);
  const browser = first(agent, [
    [/Edg/, "Edge"],
    [/Firefox|FxiOS/, "Firefox"],
    [/SamsungBrowser/, "Samsung Internet"],
    [/Chrome|CriOS/, "Chrome"],
    [/Safari/, "Safari"],
  ]);
  if (browser && system) return plain(t("browserOn", browser, system));
  return browser ?? system ?? t("browser");
}

function first(agent: string, names: [RegExp, string][]): string | undefined {
  return names.find(([pattern]) => pattern.test(agent))?.[1];
}
