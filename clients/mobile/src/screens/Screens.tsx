import "../../../web/src/style.css";
import { Languages } from "../../../web/src/ui/Choices";
import { Sheet } from "../../../web/src/ui/sheets/Sheet";
import { choosing } from "../shell";
import { t } from "../words";
import { Add } from "./Add";
import { List } from "./List";
import "./screens.css";

/** What stands above the page when the user chooses among servers. */
export function Choosing() {
  if (!choosing.value) return null;
  return (
    <Sheet title={t("servers")} close={() => (choosing.value = false)}>
      <List />
      <h3 class="more">{t("add")}</h3>
      <Add />
    </Sheet>
  );
}

/** What a phone shows that knows no server yet. */
export function Welcome() {
  return (
    <main class="hello">
      <img src={`${import.meta.env.BASE_URL}logo.svg`} alt="" width="72" height="72" />
      <h1>{t("welcome")}</h1>
      <p class="muted">{t("hint")}</p>
      <Add />
      <Languages />
    </main>
  );
}
