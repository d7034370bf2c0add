import { useState } from "preact/hooks";
import { source } from "../api/images";
import type { Job } from "../api/types";
import { Fold } from "../ui/Fold";
import "./walks.css";
import { t } from "./words";

/** What shows all pictures of a walk; it begins to move when it is opened. */
export function Film({ job }: { job: Job }) {
  const [open, set] = useState(false);
  const [strip, animation] = ["strip", "animation"].map((name) => job.files.find((each) => each.name === name));
  if (!strip || !animation) return null;
  return (
    <Fold title={t("film")} open={open} toggled={set}>
      {open && (
        <div class="film">
          <img src={source(animation)} alt={t("animation")} />
          <div class="strip-whole" tabIndex={0} role="region" aria-label={t("strip")}>
            <img src={source(strip)} alt={t("strip")} />
          </div>
          <p class="links">
            <a href={`${source(animation)}&download=true`} download>
              {t("saveAnimation")}
            </a>
            <a href={`${source(strip)}&download=true`} download>
              {t("saveStrip")}
            </a>
          </p>
        </div>
      )}
    </Fold>
  );
}
