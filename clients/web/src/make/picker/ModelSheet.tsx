import { useSignal } from "@preact/signals";
import type { Model } from "../../api/types";
import { chooseModel } from "../../state/form/choose";
import { models, refreshModels } from "../../state/form/models";
import { go } from "../../state/page/route";
import { Cover } from "../../ui/models/Cover";
import { familyName } from "../../ui/models/family";
import { Icon } from "../../ui/Icon";
import { usePoll } from "../../ui/poll";
import { Readiness } from "../../ui/models/Readiness";
import { found, Search } from "../../ui/Search";
import { Sheet } from "../../ui/sheets/Sheet";
import { sizesOf } from "../../ui/models/sizes";
import { t } from "../words";

/** All models with their pictures, to choose one; those that come meanwhile come in. */
export function ModelSheet({ chosen, close }: { chosen: Model | null; close(): void }) {
  usePoll(refreshModels, 3000);
  const asked = useSignal("");
  const all = models.value;
  const shown = all.filter((each) => found(asked.value, each.title, each.name, each.description, familyName(each.family)));
  return (
    <Sheet title={t("model")} wide close={close}>
      <Search among={all.length} asked={asked} />
      {!all.length && <p class="muted">{t("noModels")}</p>}
      {all.length > 0 && !shown.length && <p class="muted">{t("noneFound")}</p>}
      <ul class="tiles">
        {shown.map((each) => (
          <li key={each.name}>
            <button
              type="button"
              class="tile"
              aria-pressed={each.name === chosen?.name}
              onClick={() => {
                if (each.name !== chosen?.name) chooseModel(each.name);
                close();
              }}
            >
              <Cover name={each.title} family={each.family} url={each.preview_url} />
              <span>
                <b>
                  <bdi>{each.title}</bdi>
                </b>
                <span class="muted">
                  {familyName(each.family)} · {sizesOf(each)}
                </span>
                <Readiness {...each} />
              </span>
            </button>
          </li>
        ))}
      </ul>
      <button type="button" class="more" onClick={() => go("models")}>
        <Icon name="models" />
        {t("allModels")}
      </button>
    </Sheet>
  );
}
