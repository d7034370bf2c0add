import { render } from "preact";
import { installDrop } from "./actions/drop";
import { installNotices } from "./actions/notify";
import { App } from "./App";
import { ready } from "./i18n";
import { restoreGuides } from "./state/guides";
import { restoreInput } from "./state/input";
import { restoreLayers } from "./state/layers";
import { start } from "./state/sync";
import "./style.css";

/** Starts the application in the page. */
export function boot(): void {
  void restoreLayers();
  void restoreInput();
  void restoreGuides();
  installDrop();
  installNotices();
  start();
  // A language whose file does not come is English.
  void ready()
    .catch(() => undefined)
    .then(() => render(<App />, document.getElementById("app")!));
}
