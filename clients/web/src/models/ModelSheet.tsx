import type { Model } from "../api/types";
import { bytes, listed, number } from "../i18n";
import { samplers } from "../state/form/models";
import { Cover } from "../ui/models/Cover";
import { described } from "../ui/models/described";
import { familyName } from "../ui/models/family";
import { Icon } from "../ui/Icon";
import { Readiness } from "../ui/models/Readiness";
import { Sheet } from "../ui/sheets/Sheet";
import { sizesOf } from "../ui/models/sizes";
import { Care } from "./Care";
import { ADD_ONS } from "./shelf";
import { useModel } from "./use";
import { t } from "./words";

/** All that there is to say of a model, and to do with it. */
export function ModelSheet({ model, admin, close }: { model: Model; admin: boolean; close(): void }) {
  const sampler = samplers.value.find((each) => each.name === model.sampler)?.title ?? model.sampler;
  const fits = ADD_ONS.filter((each) => model[each].length > 0);
  return (
    <Sheet title={model.title} wide close={close}>
      <div class="about-model">
        <Cover name={model.title} family={model.family} url={model.preview_url} width={640} />
        <div>
          <p class="named">
            <Readiness {...model} />
            {model.default && <span class="badge">{t("standard")}</span>}
            {model.pinned && <span class="badge">{t("pinned")}</span>}
          </p>
          {model.description && <p dir="auto">{described(model)}</p>}
          <dl class="facts">
            <Fact name={t("family")} value={familyName(model.family)} />
            <Fact name={t("size")} value={model.bytes ? bytes(model.bytes) : ""} />
            <Fact name={t("licenceName")} value={model.licence} />
            <Fact name={t("goodFor")} value={listed(model.kinds.map((each) => t(each)))} />
            <Fact name={t("drawsAt")} value={sizesOf(model)} />
            <Fact
              name={t("startsWith")}
              value={listed([t("steps", model.steps), t("guidance", number(model.guidance_scale, 1)), sampler])}
            />
            <Fact name={t("takes")} value={listed(fits.map((each) => `${t(each)}: ${model[each].length}`))} />
            <Fact name={t("name")} value={model.name} />
          </dl>
          <button type="button" class="primary wide" onClick={() => useModel(model)}>
            <Icon name="make" />
            {t("use")}
          </button>
          {admin && <Care model={model} close={close} />}
        </div>
      </div>
    </Sheet>
  );
}

export function Fact({ name, value }: { name: string; value: string }) {
  if (!value) return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <bdi>{value}</bdi>
      </dd>
    </div>
  );
}
