import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { search, type Where } from "../../api/models/additions";
import type { FileKind, SearchPage } from "../../api/types";
import { bytes, number } from "../../i18n";
import { familyName } from "../../ui/models/family";
import { Icon } from "../../ui/Icon";
import { sentence } from "../../ui/sentence";
import { FoundCover } from "./FoundCover";
import { t } from "./words";

const PLACES: readonly Where[] = ["hub", "civitai"];
const KINDS: readonly FileKind[] = ["model", "lora", "embedding", "controlnet", "vae", "upscaler"];

/** Looks for models where many of them are; a tap looks at one more closely. */
export function SearchForm({ busy, look }: { busy: boolean; look(source: string): void }) {
  const q = useSignal("");
  const where = useSignal<Where>("hub");
  const kind = useSignal<FileKind | "">("");
  const results = useSignal<SearchPage["results"] | null>(null);
  const next = useSignal<string | null>(null);
  const problem = useSignal("");
  const searching = useSignal(false);
  const asked = useRef<AbortController>(undefined);
  useEffect(() => () => asked.current?.abort(), []);

  const go = async (cursor?: string) => {
    asked.current?.abort();
    const own = new AbortController();
    asked.current = own;
    searching.value = true;
    problem.value = "";
    if (!cursor) results.value = null;
    try {
      const wish = { q: q.peek().trim(), where: where.peek(), kind: kind.peek() || undefined, cursor };
      const page = await search(wish, own.signal);
      results.value = [...(results.peek() ?? []), ...page.results];
      next.value = page.next;
    } catch (error) {
      if (!own.signal.aborted) problem.value = sentence(error, false);
    } finally {
      if (asked.current === own) searching.value = false;
    }
  };
  return (
    <section>
      <h3>{t("search")}</h3>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void go();
        }}
      >
        <div class="row">
          <select
            aria-label={t("where")}
            value={where.value}
            onChange={(event) => (where.value = event.currentTarget.value as Where)}
          >
            {PLACES.map((each) => (
              <option key={each} value={each}>
                {t(each)}
              </option>
            ))}
          </select>
          <select
            aria-label={t("kind")}
            value={kind.value}
            onChange={(event) => (kind.value = event.currentTarget.value as FileKind | "")}
          >
            <option value="">{t("all")}</option>
            {KINDS.map((each) => (
              <option key={each} value={each}>
                {t(each)}
              </option>
            ))}
          </select>
        </div>
        <div class="row">
          <input
            type="search"
            dir="auto"
            aria-label={t("searchFor")}
            placeholder={t("searchFor")}
            value={q.value}
            onInput={(event) => (q.value = event.currentTarget.value)}
          />
          <button aria-label={t("search")} disabled={searching.value}>
            <Icon name="search" />
          </button>
        </div>
      </form>
      <p class="error" role="alert">
        {problem.value}
      </p>
      <p class="muted" role="status">
        {searching.value ? t("searching") : results.value?.length === 0 ? t("nothing") : ""}
      </p>
      <ul class="tiles">
        {results.value?.map((each) => (
          <li key={each.source}>
            <button type="button" class="tile" disabled={busy} onClick={() => look(each.source)}>
              <FoundCover name={each.title} family={each.family} url={each.preview_url} />
              <span>
                <b>
                  <bdi>{each.title}</bdi>
                </b>
                <span class="muted">
                  {[each.kind && t(each.kind), familyName(each.family), each.bytes && bytes(each.bytes)]
                    .filter(Boolean)
                    .join(" · ")}
                </span>
                <span class="muted">
                  {[each.licence, each.downloads !== null && t("downloads", number(each.downloads))]
                    .filter(Boolean)
                    .join(" · ")}
                </span>
              </span>
            </button>
          </li>
        ))}
      </ul>
      {next.value && results.value && (
        <button type="button" class="wide" disabled={searching.value} onClick={() => void go(next.peek()!)}>
          {t("more")}
        </button>
      )}
    </section>
  );
}
