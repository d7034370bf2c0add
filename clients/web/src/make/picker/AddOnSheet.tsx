import { useSignal } from "@preact/signals";
import type { AddOn } from "../../api/types";
import { refreshModels } from "../../state/form/models";
import { Cover } from "../../ui/models/Cover";
import { described } from "../../ui/models/described";
import { usePoll } from "../../ui/poll";
import { found, Search } from "../../ui/Search";
import { Sheet } from "../../ui/sheets/Sheet";
import { t } from "../words";

interface AddOnSheetProps {
  title: string;
  /** What fits the model, and nothing else. */
  all: readonly AddOn[];
  family: string;
  take(chosen: AddOn): void;
  close(): void;
}

/** What fits the model, with its pictures: a tap adds one; those that come meanwhile come in. */
export function AddOnSheet({ title, all, family, take, close }: AddOnSheetProps) {
  usePoll(refreshModels, 3000);
  const asked = useSignal("");
  const shown = all.filter((each) => found(asked.value, each.name, each.title, each.description, ...each.triggers));
  return (
    <Sheet title={title} wide close={close}>
      <Search among={all.length} asked={asked} />
      {!shown.length && <p class="muted">{t("noneFound")}</p>}
      <ul class="tiles">
        {shown.map((each) => (
          <li key={each.name}>
            <button type="button" class="tile" onClick={() => take(each)}>
              <Cover name={each.title || each.name} family={family} url={each.preview_url} />
              <span>
                <b>
                  <bdi>{each.title || each.name}</bdi>
                </b>
                {each.description && <span class="muted" dir="auto">{described(each)}</span>}
                {each.triggers.length > 0 && <span class="muted">{each.triggers.join(", ")}</span>}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </Sheet>
  );
}
