import "./editor.css";
import { Grow } from "./grow/Grow";
import { Paint } from "./paint/Paint";
import type { EditorProps } from "./props";

/** The whole screen for a picture: what of it is repainted, or by how much it grows. */
export function Editor(props: EditorProps) {
  return props.input.use === "outpaint" ? <Grow {...props} /> : <Paint {...props} />;
}
