import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { mapOf } from "../../api/maps";
import { pixels } from "../../api/images";
import { preprocessors } from "../../state/form/guides";
import type { Given } from "../../state/form/input";
import { t } from "./words";

/** The longest side of the picture that a map is shown of. */
const LONGEST = 512;

/** What a preprocessor makes of a picture: a small look, before it is used. */
export function MapLook({ picture, preprocessor }: { picture: Given; preprocessor: string }) {
  const url = useSignal("");
  const failed = useSignal(false);
  const own = preprocessor === "none";
  const known = preprocessors.value.includes(preprocessor);
  useEffect(() => {
    url.value = "";
    failed.value = false;
    if (own || !known) return;
    let wanted = true;
    small(picture)
      .then((text) => mapOf(preprocessor, text))
      .then(
        (made) => wanted && (url.value = made),
        () => wanted && (failed.value = true),
      );
    return () => {
      wanted = false;
    };
  }, [picture.url, preprocessor, known]);
  if (own) return null;
  if (!known) return <p class="muted">{t("mapByModel")}</p>;
  if (failed.value) return <p class="muted">{t("noMap")}</p>;
  return url.value ? <img class="map" src={url.value} alt={t("map")} /> : <p class="map muted" aria-hidden="true" />;
}

async function small(picture: Given): Promise<string> {
  const blob = typeof picture.picture === "string" ? await pixels(picture.url) : picture.picture;
  const bitmap = await createImageBitmap(blob);
  const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext("2d")!.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas.toDataURL("image/png");
}
