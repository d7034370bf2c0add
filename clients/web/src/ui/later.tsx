import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { words } from "../i18n";
import { connection } from "../state/live/connection";
import { Sheet } from "./sheets/Sheet";

const t = words("ui/later", {
  en: { failed: "This part of the page did not come.", tried: "It is tried again by itself.", again: "Load the page again", coming: "Loading…" },
  vi: { failed: "Phần này của trang không tải được.", tried: "Trang sẽ tự thử lại.", again: "Tải lại trang", coming: "Đang tải…" },
});

/** Milliseconds until what has not come over the page is said to be coming: usually it is there. */
const SLOW = 400;

/**
 * Milliseconds until what did not come is asked for again: twice as long each time, up to the second,
 * and at once when the server is there again.
 */
const AGAIN = 2000;
const SELDOM = 20_000;

/** Milliseconds that a server may take to say that it is there. */
const PATIENCE = 10_000;

/**
 * A component that comes over the network when it is first drawn. What lies over the page says how to
 * go `away` from it: until it is there a sheet lies in its place.
 */
export function later<P extends object>(load: () => Promise<ComponentType<P>>, away?: () => void): ComponentType<P> {
  let loaded: ComponentType<P> | null = null;
  return function Later(props: P) {
    const [, draw] = useState(0);
    const [state, tell] = useState<"new" | "slow" | "away" | "failed">("new");
    useEffect(() => {
      if (loaded) return;
      let timer = window.setTimeout(() => tell("slow"), SLOW);
      let pause = AGAIN;
      let gone = false;
      let resting = false;
      const ask = async () => {
        resting = false;
        let there = false;
        try {
          there = await answered();
          if (there) loaded = await load();
        } catch {
          // The server answers, and this is not to be had.
        }
        clearTimeout(timer);
        if (loaded) draw(1);
        else if (!gone) {
          tell(there ? "failed" : "away");
          resting = true;
          timer = window.setTimeout(ask, pause);
          pause = Math.min(2 * pause, SELDOM);
        }
      };
      const forget = connection.subscribe((now) => {
        if (!resting || now !== "online") return;
        clearTimeout(timer);
        void ask();
      });
      void ask();
      return () => {
        gone = true;
        clearTimeout(timer);
        forget();
      };
    }, []);
    const Loaded = loaded;
    if (Loaded) return <Loaded {...props} />;
    const said = state === "failed" || state === "away" ? <Missing away={state === "away"} /> : <p class="muted">{t("coming")}</p>;
    if (!away) return said;
    if (state === "new") return null;
    return (
      <Sheet title={t("coming")} close={away}>
        {said}
      </Sheet>
    );
  };
}

/**
 * Whether the server answers, whatever it says. A browser asks for a module once: after a failure each
 * further import of it fails at once, until the page is loaded again.
 */
async function answered(): Promise<boolean> {
  try {
    await fetch(import.meta.url, { method: "HEAD", cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    return true;
  } catch {
    return false;
  }
}

function Missing({ away }: { away: boolean }) {
  return (
    <div role="alert" class="missing">
      <p>
        {t("failed")} {away && t("tried")}
      </p>
      {/* A server that was updated has it under another name; one that is away has no page either. */}
      {connection.value !== "offline" && (
        <button type="button" onClick={() => location.reload()}>
          {t("again")}
        </button>
      )}
    </div>
  );
}
