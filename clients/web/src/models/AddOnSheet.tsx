import { bytes, listed } from "../i18n";
import { Cover } from "../ui/models/Cover";
import { familyName } from "../ui/models/family";
import { Icon } from "../ui/Icon";
import { Sheet } from "../ui/sheets/Sheet";
import { Change } from "./changing/Change";
import { Fact } from "./ModelSheet";
import { titleOf, type Fitting } from "./shelf";
import { useAddOn } from "./use";
import { t } from "./words";

/** All that there is to say of what can be added to models. */
export function AddOnSheet({ addOn, admin, close }: { addOn: Fitting; admin: boolean; close(): void }) {
  const family = addOn.family || addOn.models[0]!.family;
  const use = useAddOn(addOn);
  return (
    <Sheet title={titleOf(addOn)} wide close={close}>
      <div class="about-model">
        <Cover name={titleOf(addOn)} family={family} url={addOn.preview_url} width={640} />
        <div>
          <p class="muted">{t(`${addOn.kind}Help`)}</p>
          {addOn.description && <p dir="auto">{addOn.description}</p>}
          <dl class="facts">
            <Fact name={t("family")} value={familyName(family)} />
            <Fact name={t("size")} value={addOn.bytes ? bytes(addOn.bytes) : ""} />
            <Fact name={t("licenceName")} value={addOn.licence} />
            <Fact name={t("triggers")} value={addOn.triggers.join(", ")} />
            <Fact name={t("fits")} value={listed(addOn.models.map((each) => each.title))} />
            <Fact name={t("name")} value={addOn.name} />
          </dl>
          {use && (
            <button type="button" class="primary wide" onClick={use}>
              <Icon name="make" />
              {t("use")}
            </button>
          )}
          {admin && (
            <section class="care" aria-label={t("care")}>
              <h3>{t("care")}</h3>
              <Change of={addOn} close={close} />
            </section>
          )}
        </div>
      </div>
    </Sheet>
  );
}
