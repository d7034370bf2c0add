import { useSignal, type Signal } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import { lookUp } from "../../api/models/additions";
import type { Found } from "../../api/types";
import { Icon } from "../../ui/Icon";
import { sentence } from "../../ui/sentence";
import { Sheet } from "../../ui/sheets/Sheet";
import { Begin } from "./Begin";
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
        <Begin
          found={found.value}
          source={source.value.trim()}
          otherwise={t("back")}
          leave={() => (found.value = null)}
          done={close}
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
  const field = useRef<HTMLInputElement>(null);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (source.peek().trim()) look();
        else field.current!.focus();
      }}
    >
      <h3>
        <label for={id}>{t("link")}</label>
      </h3>
      <div class="row">
        <input
          ref={field}
          id={id}
          type="text"
          inputMode="url"
          dir="ltr"
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
