import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import * as api from "../../api/models/additions";
import type { Addition } from "../../api/types";
import { bytes } from "../../i18n";
import { toast } from "../../state/page/toasts";
import { usePoll } from "../../ui/poll";
import { said } from "../../ui/said";
import { capital, sentence } from "../../ui/sentence";
import { Begin } from "./Begin";
import { additions, refreshAdditions } from "./running";
import { again, done, give, uploads, type Upload } from "./upload";
import { t } from "./words";

/** What is on its way here: files that are sent, and what the server fetches. */
export function Underway() {
  usePoll(refreshAdditions, 1500);
  if (!uploads.value.length && !additions.value.length) return null;
  return (
    <section class="aside underway" aria-labelledby="underway">
      <h2 id="underway">{t("underway")}</h2>
      <ul>
        {uploads.value.map((each) => (
          <Sending key={each.key} upload={each} />
        ))}
        {additions.value.map((each) => (
          <Fetching key={each.id} addition={each} />
        ))}
      </ul>
    </section>
  );
}

function Sending({ upload }: { upload: Upload }) {
  const { key, name, size, sent, state, id, found, problem } = upload;
  const share = [bytes(sent), bytes(size)] as const;
  if (state === "found" && found) {
    return (
      <Row name={found.title || name}>
        <Begin
          found={found}
          source={`upload:${id}`}
          otherwise={t("throwAway")}
          leave={() => give(key)}
          done={() => done(key)}
        />
      </Row>
    );
  }
  return (
    <Row name={name}>
      {state === "failed" ? (
        <p class="error" role="alert">
          {problem}
        </p>
      ) : (
        <p class="muted">{state === "looking" ? t("read") : t(state === "lost" ? "lost" : "sending", ...share)}</p>
      )}
      <Bar name={name} share={size ? sent / size : 1} />
      <div class="ways">
        {state === "failed" && (
          <button type="button" aria-label={t("resumeName", name)} onClick={() => again(key)}>
            {t("resume")}
          </button>
        )}
        <button type="button" aria-label={t("cancelName", name)} onClick={() => give(key)}>
          {t("cancel")}
        </button>
      </div>
    </Row>
  );
}

function Fetching({ addition }: { addition: Addition }) {
  const { name, status, progress, error } = addition;
  const busy = useSignal(false);
  const act = async (run: () => Promise<void>) => {
    busy.value = true;
    try {
      await run();
      await refreshAdditions();
    } catch (problem) {
      toast(sentence(problem, false));
    } finally {
      busy.value = false;
    }
  };
  const ended = status === "failed" || status === "canceled";
  return (
    <Row name={name}>
      {status === "failed" ? (
        <p class="error" role="alert">
          {error ? capital(said(error.detail, error.wording)) : t("failed")}
        </p>
      ) : (
        <p class="muted">{saysOf(addition)}</p>
      )}
      {!(ended && !progress.bytes) && <Bar name={name} share={progress.fraction ?? (ended ? 0 : null)} />}
      <div class="ways">
        {ended ? (
          <>
            <button
              type="button"
              disabled={busy.value}
              aria-label={t("resumeName", name)}
              onClick={() => void act(() => api.resume(addition))}
            >
              {t("resume")}
            </button>
            <button
              type="button"
              disabled={busy.value}
              aria-label={t("throwAwayName", name)}
              onClick={() => void act(() => api.forget(addition))}
            >
              {t("throwAway")}
            </button>
          </>
        ) : (
          <button
            type="button"
            disabled={busy.value}
            aria-label={t("cancelName", name)}
            onClick={() => void act(() => api.cancel(addition))}
          >
            {t("cancel")}
          </button>
        )}
      </div>
    </Row>
  );
}

function saysOf({ status, progress }: Addition): string {
  if (status === "canceled") return t("canceled");
  if (status === "queued") return t("queued");
  const here = bytes(progress.bytes);
  return progress.total ? t("fetched", here, bytes(progress.total)) : t("fetchedOf", here);
}

function Row({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <li>
      <h3>{name}</h3>
      {children}
    </li>
  );
}

/** Without a share it moves to and fro. */
function Bar({ name, share }: { name: string; share: number | null }) {
  return <progress aria-label={t("progress", name)} max={1} {...(share === null ? {} : { value: share })} />;
}
