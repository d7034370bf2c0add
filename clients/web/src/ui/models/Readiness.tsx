import type { Model } from "../../api/types";
import { words } from "../../i18n";
import "./cover.css";

const t = words("ui/models/Readiness", {
  en: {
    warm: "Ready",
    loading: "Loading",
    cold: "Loads when asked for",
    away: "No worker has it now",
    loadingOf: (name: string) => `Loading ${name}`,
  },
  vi: {
    warm: "Sẵn sàng",
    loading: "Đang nạp",
    cold: "Sẽ nạp khi cần",
    away: "Hiện không máy xử lý nào có",
    loadingOf: (name: string) => `Đang nạp ${name}`,
  },
});

/** How soon a model could begin, with a bar while it is on its way into memory. */
export function Readiness({ title, state, loaded, live = true }: Pick<Model, "title" | "state" | "loaded"> & { live?: boolean }) {
  return (
    <>
      <span class={`readiness ${state}`}>{t(live ? state : "away")}</span>
      {state === "loading" && <progress aria-label={t("loadingOf", title)} max={1} value={loaded} />}
    </>
  );
}
