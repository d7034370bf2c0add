import { useSignal, type Signal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import { add, lookUp } from "../../api/additions";
import type { Found } from "../../api/types";
import { Icon } from "../../ui/Icon";
import { sentence } from "../../ui/sentence";
import { Sheet } from "../../ui/Sheet";
import { Facts } from "./Facts";
import { began } from "./running";
import { SearchForm } from "./SearchForm";
import { takeFiles } from "./take";
import { t } from "./words";

/** The ways in which a model comes: a file, a name or a link, or what a search finds. */
export function AddSheet({ close }: { close(): void }) {
  const source = useSignal("");
  const found = useSignal<Found | null>(null);
  const problem = useSignal("");
  const looking = useSignal<AbortController | null>(null);
  useEffect(() => () => looking.peek()?.abort(), []);

  const look = async (asked: string) => {
    looking.peek()?.abort();
    const own = new AbortController();
    looking.value = own;
    source.value = asked;
    problem.value = "";
    try {
      found.value = await lookUp(asked, own.signal);
    } catch (error) {
      if (!own.signal.aborted) problem.value = sentence(error, false);
    } finally {
      if (looking.peek() === own) looking.value = null;
    }
  };
  const busy = looking.value !== null;
  if (found.value) {
    return (
      <Sheet title={found.value.title || found.value.name} close={close}>
        <Confirm
          found={found.value}
          source={source.value.trim()}
          back={() => (found.value = null)}
          close={close}
        />
      </Sheet>
    );
  }
  return (
    <Sheet title={t("add")} close={close}>
      <div class="adding">
        <FromFile close={close} />
        <FromLink source={source} busy={busy} look={() => void look(source.peek().trim())} />
        <p class="error" role="alert">
          {problem.value}
        </p>
        <SearchForm busy={busy} look={(asked) => void look(asked)} />
      </div>
    </Sheet>
  );
}

function FromFile({ close }: { close(): void }) {
  const field = useRef<HTMLInputElement>(null);
  return (
    <section>
      <h3>{t("file")}</h3>
      <button type="button" class="wide" onClick={() => field.current!.click()}>
        <Icon name="plus" />
        {t("choose")}
      </button>
      <input
        ref={field}
        hidden
        multiple
        type="file"
        accept=".safetensors"
        aria-label={t("choose")}
        onChange={(event) => {
          if (takeFiles([...(event.currentTarget.files ?? [])])) close();
          event.currentTarget.value = "";
        }}
      />
      <p class="muted">{t("fileHelp")}</p>
    </section>
  );
}

function FromLink({ source, busy, look }: { source: Signal<string>; busy: boolean; look(): void }) {
  const id = useId();
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (source.peek().trim()) look();
      }}
    >
      <h3>
        <label for={id}>{t("link")}</label>
      </h3>
      <div class="row">
        <input
          id={id}
          type="text"
          inputMode="url"
          autocapitalize="off"
          autocomplete="off"
          spellcheck={false}
          placeholder={t("linkHint")}
          value={source.value}
          onInput={(event) => (source.value = event.currentTarget.value)}
        />
        <button disabled={busy}>{busy ? t("looking") : t("look")}</button>
      </div>
      <p class="muted">{t("linkHelp")}</p>
    </form>
  );
}

function Confirm(props: { found: Found; source: string; back(): void; close(): void }) {
  const busy = useSignal(false);
  const problem = useSignal("");
  const begin = async () => {
    busy.value = true;
    problem.value = "";
    try {
      began(await add({ source: props.source }));
      props.close();
    } catch (error) {
      problem.value = sentence(error, false);
    } finally {
      busy.value = false;
    }
  };
  return (
    <div class="adding">
      <Facts found={props.found} />
      <p class="error" role="alert">
        {problem.value}
      </p>
      <div class="row">
        <button type="button" onClick={props.back}>
          {t("back")}
        </button>
        {props.found.usable && (
          <button type="button" class="primary" disabled={busy.value} onClick={() => void begin()}>
            {t("begin")}
          </button>
        )}
      </div>
    </div>
  );
}
