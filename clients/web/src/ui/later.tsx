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

/** Milliseconds until what did not come is asked for again: twice as long each time, up to the second. */
const AGAIN = 2000;
const SELDOM = 20_000;

/**
 * A component that comes over the network when it is first drawn. What lies over the page says how to
 * go `away` from it: until it is there a sheet lies in its place.
 */
export function later<P extends object>(load: () => Promise<ComponentType<P>>, away?: () => void): ComponentType<P> {
  let loaded: ComponentType<P> | null = null;
  return function Later(props: P) {
    const [, draw] = useState(0);
    const [state, tell] = useState<"new" | "slow" | "failed">("new");
    useEffect(() => {
      if (loaded) return;
      let timer = window.setTimeout(() => tell("slow"), SLOW);
      let pause = AGAIN;
      let gone = false;
      const ask = () =>
        load().then(
          (component) => {
            loaded = component;
            clearTimeout(timer);
            draw(1);
          },
          () => {
            clearTimeout(timer);
            if (gone) return;
            tell("failed");
            timer = window.setTimeout(ask, pause);
            pause = Math.min(2 * pause, SELDOM);
          },
        );
      void ask();
      return () => {
        gone = true;
        clearTimeout(timer);
      };
    }, []);
    const Loaded = loaded;
    if (Loaded) return <Loaded {...props} />;
    const said = state === "failed" ? <Failed /> : <p class="muted">{t("coming")}</p>;
    if (!away) return said;
    if (state === "new") return null;
    return (
      <Sheet title={t("coming")} close={away}>
        {said}
      </Sheet>
    );
  };
}

function Failed() {
  return (
    <p role="alert">
      {t("failed")} {t("tried")}{" "}
      {/* A server that was updated has it under another name; one that is away has no page either. */}
      {connection.value !== "offline" && (
        <button type="button" onClick={() => location.reload()}>
          {t("again")}
        </button>
      )}
    </p>
  );
}
