import { model } from "../../state/form/models";
import { Icon } from "../../ui/Icon";
import { t } from "../words";
import type { Painter } from "./painter";
import { choosersOf } from "./tool";

/** Tools that the server has models for; nothing where it has none. */
export function Choosers({ painter }: { painter: Painter }) {
  const there = choosersOf(model.value);
  if (!there.length) return null;
  return (
    <div class="choosers">
      {there.map((each) => (
        <button key={each} type="button" aria-pressed={painter.tool.value === each} onClick={() => (painter.tool.value = each)}>
          <Icon name={each === "word" ? "search" : "wand"} /> {t(each)}
        </button>
      ))}
    </div>
  );
}
