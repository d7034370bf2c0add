import { effect } from "@preact/signals";
import { render } from "preact";
import { installDrop } from "./actions/drop";
import { installNotices } from "./actions/notify";
import { installDeletions } from "./actions/remove";
import { App } from "./App";
import { ready } from "./i18n";
import { restoreGuides } from "./state/form/guides";
import { restoreInput } from "./state/form/input";
import { restoreLayers } from "./state/form/layers";
import { installOutdated } from "./state/form/outdated";
import { connection } from "./state/live/connection";
import { start } from "./state/live/sync";
import { askForMissing } from "./ui/pictures/again";
import { installTaps } from "./ui/taps";
import "./style.css";

/** Starts the application in the page. */
export function boot(): void {
  void restoreLayers();
  void restoreInput();
  void restoreGuides();
  installTaps();
  installOutdated();
  installDrop();
  installNotices();
  installDeletions();
  start();
  effect(() => {
    if (connection.value === "online") askForMissing();
  });
  // A language whose file does not come is English.
  void ready()
    .catch(() => undefined)
    .then(() => render(<App />, document.getElementById("app")!));
}
