import type { Input } from "../state/form/input";

/** What the editor is given, and each of its two kinds of editing. */
export interface EditorProps {
  input: Input;
  /** Takes over what was made; only what changed is in it. */
  done(change: Partial<Input>): void;
  /** The user leaves, and nothing is to change. */
  close(): void;
}
