import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { calledBy } from "../api/devices";
import { quotas, setQuota } from "../api/quotas";
import type { Quota, QuotaList } from "../api/types";
import { me } from "../state/live/connection";
import { toast } from "../state/page/toasts";
import { sentence } from "../ui/sentence";
import { devices } from "./state";
import { t } from "./words";

const FIELDS = ["queued", "pictures_in_flight", "pictures_per_day"] as const;

/** How much each user may have, for an admin to say. */
export function Quotas() {
  const list = useSignal<QuotaList | null>(null);
  const admin = me.value?.role === "admin";
  const known = devices.value ?? [];
  useEffect(() => {
    if (admin) quotas().then((found) => (list.value = found), () => undefined);
  }, [admin, known.length]);
  const { quotas: all = [], server } = list.value ?? {};
  if (!admin || !server || !all.length) return null;
  const called = calledBy(all.map((each) => each.owner), known);
  return (
    <section aria-labelledby="quotas">
      <h2 id="quotas">{t("quotas")}</h2>
      <p class="muted">{t("quotasHelp")}</p>
      {all.map((each) => (
        <Of key={each.owner} quota={each} server={server} name={called.get(each.owner) ?? each.owner} />
      ))}
    </section>
  );
}

function Of({ quota, server, name }: { quota: Quota; server: QuotaList["server"]; name: string }) {
  const kept = useSignal(quota);
  const now = useSignal(quota);
  const busy = useSignal(false);
  const changed = FIELDS.some((field) => now.value[field] !== kept.value[field]);
  const save = async () => {
    busy.value = true;
    try {
      await setQuota(now.peek());
      kept.value = now.peek();
      toast(t("quotaKept", name));
    } catch (error) {
      toast(sentence(error, false));
    }
    busy.value = false;
  };
  return (
    <form
      class="quota"
      aria-label={name}
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <h3 dir="auto">{name}</h3>
      {FIELDS.map((field) => (
        <label key={field}>
          {t(field)}
          <input
            type="number"
            inputMode="numeric"
            min="0"
            max="1000000"
            placeholder={server[field] ? t("asServer", server[field]) : t("noLimit")}
            value={now.value[field] ?? ""}
            onInput={({ currentTarget: { value } }) => (now.value = { ...now.peek(), [field]: value === "" ? null : Number(value) })}
          />
        </label>
      ))}
      <button type="submit" disabled={!changed || busy.value}>
        {t("saveQuota")}
      </button>
    </form>
  );
}
