import { useLayoutEffect } from "preact/hooks";
import { wanted, type Scene } from "../state/page/attention";
import "./attention.css";

/** Milliseconds that what was led to is lit. */
const LIT = 1400;

/** Brings an element into sight and lights it whenever the user is led to what it is. */
export function useAttention(scene: Scene, element: { readonly current: HTMLElement | null }): void {
  const mine = wanted.value === scene;
  useLayoutEffect(() => {
    if (!mine) return;
    wanted.value = null;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const { current } = element;
    current?.scrollIntoView({ behavior: still ? "auto" : "smooth", block: "start" });
    current?.classList.add("lit");
    setTimeout(() => current?.classList.remove("lit"), LIT);
  }, [mine]);
}
