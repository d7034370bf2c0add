import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import type { Model } from "../../api/types";
import { weighedByBlock } from "../../state/form/blocks";
import { draft } from "../../state/form/draft";
import { guides, likened, looksItself } from "../../state/form/guides";
import { hasUnet } from "../../state/form/unet";
import { Fold } from "../../ui/Fold";
import { later } from "../../ui/later";
import { t } from "../words";

const FollowRoom = later(async () => (await import("./FollowRoom")).FollowRoom);
const LikeRoom = later(async () => (await import("./LikeRoom")).LikeRoom);
const BlocksRoom = later(async () => (await import("../blocks/BlocksRoom")).BlocksRoom);
const PlacesRoom = later(async () => (await import("../places/PlacesRoom")).PlacesRoom);

/** What steers a picture beside its words, each behind its name until it is opened. */
export function Rooms({ model }: { model: Model }) {
  const { follow } = guides.value;
  const { regions, loras } = draft.value;
  return (
    <>
      {(model.controlnets.length > 0 || follow.length > 0) && (
        <Room title={t("follow")} count={follow.length}>
          <FollowRoom model={model} />
        </Room>
      )}
      {(model.ip_adapters.length > 0 || looksItself(model) || likened(guides.value) > 0) && (
        <Room title={t("like")} count={likened(guides.value)}>
          <LikeRoom model={model} />
        </Room>
      )}
      {loras.length > 0 && hasUnet(model) && (
        <Room title={t("blocks")} count={weighedByBlock(loras)}>
          <BlocksRoom model={model} />
        </Room>
      )}
      {(model.batched || regions.length > 0) && (
        <Room title={t("places")} count={regions.length}>
          <PlacesRoom model={model} />
        </Room>
      )}
    </>
  );
}

/** Open from the start where it has something. */
function Room({ title, count, children }: { title: string; count: number; children: ComponentChildren }) {
  const open = useSignal(count > 0);
  const has = count > 0;
  useEffect(() => {
    if (has) open.value = true;
  }, [has]);
  return (
    <Fold
      title={
        <>
          {title} {has && <b>{count}</b>}
        </>
      }
      open={open.value}
      toggled={(now) => (open.value = now)}
    >
      {open.value && children}
    </Fold>
  );
}
