/** Dark, light, or as the system has it. */
import { effect, signal } from "@preact/signals";

export type Theme = "system" | "dark" | "light";

const KEPT = "darkroom.theme";

export const theme = signal<Theme>((localStorage.getItem(KEPT) as Theme | null) ?? "system");

effect(() => {
  localStorage.setItem(KEPT, theme.value);
  if (theme.value === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme.value;
});
