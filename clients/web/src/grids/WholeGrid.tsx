import { useEffect, useRef } from "preact/hooks";
import { gridShown } from "../state/page/overlays";
import { turn } from "../state/page/route";
import { settled } from "../state/page/steps";
import { Sheet } from "../ui/sheets/Sheet";
import { GridCard } from "./GridCard";
import { t } from "./words";

/** The grid that a picture was made for, however long ago; one of its pictures comes in place of that. */
export function WholeGrid({ id }: { id: string }) {
  const chosen = useRef("");
  const close = () => (gridShown.value = null);
  const open = (event: MouseEvent) => {
    const picture = (event.target as Element).closest("a")?.hash.split("/").at(-1);
    if (!picture) return;
    event.preventDefault();
    chosen.current = decodeURIComponent(picture);
    close();
  };
  // The sheet steps back as it goes: only then is the address that of the picture below it.
  useEffect(() => () => void (chosen.current && setTimeout(() => settled(() => turn(chosen.current)))), []);
  return (
    <Sheet wide title={t("grid")} close={close}>
      <div onClick={open}>
        <GridCard id={id} away={close} />
      </div>
    </Sheet>
  );
}
