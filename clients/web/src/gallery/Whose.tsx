import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { calledBy, listDevices } from "../api/devices";
import { quotas } from "../api/quotas";
import { me } from "../state/live/connection";
import { Choice, type Option } from "./choose/Choice";
import { t } from "./choose/words";
import { EVERYBODY, lookAtThoseOf, whose } from "./search";

/** Whose pictures are to be seen, for an admin to choose where there is anybody else. */
export function Whose() {
  const owners = useSignal<readonly Option[]>([]);
  const { role, owner: self } = me.value ?? {};
  const admin = role === "admin";
  useEffect(() => {
    if (!admin) return;
    Promise.all([quotas(), listDevices()]).then(
      ([{ quotas: all }, devices]) => (owners.value = [...calledBy(all.map((each) => each.owner).filter((each) => each !== self), devices)]),
      () => undefined,
    );
  }, [admin, self]);
  if (!admin || (!owners.value.length && !whose.value)) return null;
  const options: readonly Option[] = [["", t("mine")], [EVERYBODY, t("everybodys")], ...owners.value];
  return <Choice label={t("whose")} value={whose.value} options={options} choose={lookAtThoseOf} />;
}
