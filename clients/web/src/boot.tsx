import { render } from "preact";
import { installDrop } from "./actions/drop";
import { App } from "./App";
import { restoreInput } from "./state/input";
import { start } from "./state/sync";
import "./style.css";

/** Starts the application in the page. */
export function boot(): void {
  void restoreInput();
  installDrop();
  start();
  render(<App />, document.getElementById("app")!);
}
