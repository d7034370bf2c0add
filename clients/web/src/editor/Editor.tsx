import type { Input } from "../state/draft";
import "./editor.css";
import { Grow } from "./Grow";
import { Paint } from "./Paint";

export interface EditorProps {
  input: Input;
  /** Takes over what was made; only what changed is in it. */
  done(change: Partial<Input>): void;
  /** The user leaves, and nothing is to change. */
  close(): void;
}

/** The whole screen for a picture: what of it is repainted, or by how much it grows. */
export function Editor(props: EditorProps) {
  return props.input.use === "outpaint" ? <Grow {...props} /> : <Paint {...props} />;
}
