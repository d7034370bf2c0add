import { signal } from "@preact/signals";

/** The sheets that are open, the uppermost last. Nothing outside that one can be seen or tapped. */
export const sheets = signal<readonly object[]>([]);
