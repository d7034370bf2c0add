import { Appearance } from "../ui/Choices";
import { Devices } from "./Devices";
import { Doing } from "./Doing";
import { Myself } from "./Myself";
import { Notices } from "./Notices";
import { Quotas } from "./Quotas";
import "./server.css";
import { t } from "./words";

/** The place where one sees who may come in and what the server is doing. */
export function Server() {
  return (
    <div class="panels">
      <div>
        <Myself />
        <Devices />
        <Quotas />
      </div>
      <div>
        <Doing />
      </div>
      <div>
        <section aria-labelledby="looks">
          <h2 id="looks">{t("looks")}</h2>
          <Appearance />
        </section>
        <Notices />
      </div>
    </div>
  );
}
