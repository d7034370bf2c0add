import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { quotas } from "../api/quotas";
import { me } from "../state/live/connection";
import { Choice, type Option } from "./choose/Choice";
import { t } from "./choose/words";
import { EVERYBODY, lookAtThoseOf, whose } from "./search";

/** Whose pictures are to be seen, for an admin to choose where there is anybody else. */
export function Whose() {
  const owners = useSignal<readonly string[]>([]);
  const { role, owner: self } = me.value ?? {};
  const admin = role === "admin";
  useEffect(() => {
    if (!admin) return;
    quotas().then(({ quotas: all }) => (owners.value = all.map((each) => each.owner).filter((each) => each !== self)), () => undefined);
  }, [admin, self]);
  if (!admin || (!owners.value.length && !whose.value)) return null;
  const options: readonly Option[] = [["", t("mine")], [EVERYBODY, t("everybodys")], ...owners.value.map((each): Option => [each, each])];
  return <Choice label={t("whose")} value={whose.value} options={options} choose={lookAtThoseOf} />;
}
