import { useEffect } from "preact/hooks";

/** Calls at once and then again and again, while the component is drawn and the page in sight. */
export function usePoll(ask: () => Promise<void>, every: number): void {
  useEffect(() => {
    let timer = 0;
    let asking = false;
    let gone = false;
    const visible = () => document.visibilityState === "visible";
    const go = async () => {
      clearTimeout(timer);
      if (asking || gone || !visible()) return;
      asking = true;
      // A server that is away is said so by the whole page.
      await ask().catch(() => undefined);
      asking = false;
      if (!gone) timer = window.setTimeout(() => void go(), every);
    };
    const seen = () => void go();
    document.addEventListener("visibilitychange", seen);
    void go();
    return () => {
      gone = true;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, []);
}
