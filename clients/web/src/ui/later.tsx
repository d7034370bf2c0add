import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { words } from "../i18n";

const t = words("ui/later", {
  en: { failed: "This part of the page did not come.", again: "Load the page again", coming: "Loading…" },
  vi: { failed: "Phần này của trang không tải được.", again: "Tải lại trang", coming: "Đang tải…" },
});

/** A component that comes over the network when it is first drawn. */
export function later<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let loaded: ComponentType<P> | null = null;
  return function Later(props: P) {
    const [, draw] = useState(0);
    const [failed, fail] = useState(false);
    useEffect(() => {
      if (loaded) return;
      load().then(
        (component) => {
          loaded = component;
          draw(1);
        },
        () => fail(true),
      );
    }, []);
    const Loaded = loaded;
    if (Loaded) return <Loaded {...props} />;
    if (!failed) return <p class="muted">{t("coming")}</p>;
    // A server that was updated has it under another name.
    return (
      <p role="alert">
        {t("failed")}{" "}
        <button type="button" onClick={() => location.reload()}>
          {t("again")}
        </button>
      </p>
    );
  };
}
