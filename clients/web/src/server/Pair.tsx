import { useSignal, type Signal } from "@preact/signals";
import { invite, type Invitation } from "../api/devices";
import { me } from "../state/live/connection";
import { sentence } from "../ui/sentence";
import { Sheet } from "../ui/sheets/Sheet";
import { Code } from "./Code";
import { devices, refreshDevices } from "./state";
import { t } from "./words";

/** Lets in another device: whose it is, then its code. */
export function Pair({ close }: { close(): void }) {
  const mine = useSignal(true);
  const admin = useSignal(false);
  const busy = useSignal(false);
  const problem = useSignal("");
  const code = useSignal<Invitation | null>(null);
  const before = useSignal<ReadonlySet<string>>(new Set());

  const make = async () => {
    busy.value = true;
    problem.value = "";
    try {
      await refreshDevices();
      before.value = new Set(devices.peek()?.map((each) => each.id));
      code.value = await invite({ role: admin.peek() ? "admin" : "user", mine: mine.peek() });
    } catch (error) {
      problem.value = sentence(error);
    } finally {
      busy.value = false;
    }
  };

  return (
    <Sheet title={t("pair")} close={close}>
      <div class="pairing">
        {code.value ? (
          <Code
            key={code.value.code}
            code={code.value}
            before={before.value}
            watched={mine.value || me.value?.role === "admin"}
            again={() => void make()}
            close={close}
          />
        ) : (
          <form
            onSubmit={(event) => {
              event.preventDefault();
              void make();
            }}
          >
            <fieldset>
              <legend>{t("whose")}</legend>
              <Whose mine={mine} value={true} />
              <Whose mine={mine} value={false} />
            </fieldset>
            {me.value?.role === "admin" && (
              <label class="check">
                <input
                  type="checkbox"
                  checked={admin.value}
                  onChange={(event) => (admin.value = event.currentTarget.checked)}
                />
                {t("asAdmin")}
              </label>
            )}
            <button class="primary wide" disabled={busy.value}>
              {t("show")}
            </button>
          </form>
        )}
        <p class="error" role="alert">
          {problem.value}
        </p>
      </div>
    </Sheet>
  );
}

function Whose({ mine, value }: { mine: Signal<boolean>; value: boolean }) {
  return (
    <label class="option">
      <input
        type="radio"
        name="whose"
        checked={mine.value === value}
        onChange={() => (mine.value = value)}
      />
      <span>
        {value ? t("mine") : t("other")}
        <span class="muted">{value ? t("mineHint") : t("otherHint")}</span>
      </span>
    </label>
  );
}
