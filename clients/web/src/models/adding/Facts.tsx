import type { Found } from "../../api/types";
import { bytes, listed } from "../../i18n";
import { familyName } from "../../ui/models/family";
import { said } from "../../ui/said";
import { capital } from "../../ui/sentence";
import { t } from "./words";

/** What a source has, before any of it is added. */
export function Facts({ found }: { found: Found }) {
  const size = found.bytes === null ? t("unknownSize") : bytes(found.bytes);
  const files = found.files.length ? [t("files", found.files.length)] : [];
  return (
    <>
      {!found.usable && (
        <p class="error" role="alert">
          {t("unusable")}: {said(found.reason ?? "", found.wording)}
        </p>
      )}
      {found.description && <p class="clipped" dir="auto">{found.description}</p>}
      <dl class="facts">
        <Fact name={t("is")} value={found.kind ? t(found.kind) : t("unknownKind")} />
        <Fact name={t("family")} value={familyName(found.family)} />
        <Fact name={t("licence")} value={found.licence || t("noLicence")} />
        <Fact name={t("size")} value={`${listed([size, ...files])} (${t("free", bytes(found.free_bytes))})`} />
        {found.fit && <Fact name={t("memory")} value={capital(said(found.fit.summary, found.fit.wording))} />}
        <Fact name={t("triggers")} value={found.triggers.join(", ")} />
      </dl>
    </>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
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
