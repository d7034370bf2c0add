import { render } from "preact";
import { installDrop } from "./actions/drop";
import { installNotices } from "./actions/notify";
import { App } from "./App";
import { restoreInput } from "./state/input";
import { start } from "./state/sync";
import "./style.css";

/** Starts the application in the page. */
export function boot(): void {
  void restoreInput();
  installDrop();
  installNotices();
  start();
  render(<App />, document.getElementById("app")!);
}
