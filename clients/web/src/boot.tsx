import { render } from "preact";
import { App } from "./App";
import { installDrop } from "./gallery/drop";
import { restoreInput } from "./state/draft";
import { start } from "./state/sync";
import "./style.css";

/** Starts the application in the page. */
export function boot(): void {
  void restoreInput();
  installDrop();
  start();
  render(<App />, document.getElementById("app")!);
}
