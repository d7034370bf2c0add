import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import { add } from "../../api/models/additions";
import type { Found } from "../../api/types";
import { sentence } from "../../ui/sentence";
import { Facts } from "./Facts";
import { began } from "./running";
import { t } from "./words";

/** What a name for programs may be, as the server takes it. */
const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

interface BeginProps {
  found: Found;
  /** As it was asked for. */
  source: string;
  /** What the button beside says that leaves it. */
  otherwise: string;
  leave(): void;
  /** It is being added. */
  done(): void;
}

/** What was found, and the word that lets it begin. */
export function Begin({ found, source, otherwise, leave, done }: BeginProps) {
  const id = useId();
  const name = useSignal(found.name);
  const busy = useSignal(false);
  const problem = useSignal("");
  const begin = async () => {
    const own = name.peek().trim();
    if (own && !NAME.test(own)) {
      problem.value = t("badName");
      return;
    }
    busy.value = true;
    problem.value = "";
    try {
      began(await add(own && own !== found.name ? { source, name: own } : { source }));
      done();
    } catch (error) {
      problem.value = sentence(error, false);
    } finally {
      busy.value = false;
    }
  };
  return (
    <form
      class="begin"
      onSubmit={(event) => {
        event.preventDefault();
        void begin();
      }}
    >
      <Facts found={found} />
      {found.usable && (
        <div>
          <label for={id}>{t("name")}</label>
          <input
            id={id}
            type="text"
            dir="ltr"
            maxLength={64}
            autocapitalize="off"
            autocomplete="off"
            spellcheck={false}
            value={name.value}
            onInput={(event) => (name.value = event.currentTarget.value)}
          />
        </div>
      )}
      <p class="error" role="alert">
        {problem.value}
      </p>
      <div class="ways">
        <button type="button" onClick={leave}>
          {otherwise}
        </button>
        {found.usable && (
          <button class="primary" disabled={busy.value}>
            {t("begin")}
          </button>
        )}
      </div>
    </form>
  );
}
