import { useEffect, useState } from "preact/hooks";
import { autoencode } from "../../api/models/anatomy";
import type { Autoencoded } from "../../api/types";
import { number } from "../../i18n";
import { sentence } from "../../ui/sentence";
import { Frame } from "../draw/Frame";
import { Take, useSource } from "../draw/Source";
import { state } from "../state";
import { t } from "../words";

/** Part 3: pixels to latents and back. */
export function Worlds() {
  const { picture, problem: missing, take } = useSource();
  const { model } = state.value;
  const [zero, empty] = useState<readonly number[]>([]);
  const [found, set] = useState<Autoencoded | null>(null);
  const [problem, tell] = useState("");
  useEffect(() => {
    if (!picture) return;
    let here = true;
    tell("");
    autoencode(picture, { zero: [...zero] }, model || undefined).then(
      (made) => here && set(made),
      (error: unknown) => here && tell(sentence(error)),
    );
    return () => void (here = false);
  }, [picture, zero, model]);
  const size = (shape: readonly number[]) => shape.map((each) => number(each)).join("×");
  return (
    <Frame part="worlds">
      <Take take={take} />
      <p class="error" role="alert">
        {problem || missing}
      </p>
      {!found && !problem && !missing && <p role="status">{t("waiting")}</p>}
      {found && (
        <>
          <p>
            {t("shapes", size(found.pixels), size(found.latents))}: {t("fewer", number(found.fewer_places, 1), number(found.fewer_numbers, 1))}
          </p>
          <div class="panels">
            <figure>
              <img src={found.picture} alt={t("original")} />
              <figcaption>{t("original")}</figcaption>
            </figure>
            <figure>
              <img class="latents" src={found.edited ?? found.colours} alt={t("latents")} />
              <figcaption>{t("latents")}</figcaption>
            </figure>
            <figure>
              <img src={found.reconstruction} alt={t("back")} />
              <figcaption>
                {t("back")}, {t("alike", number(found.psnr, 1))}
              </figcaption>
            </figure>
            <figure>
              <img src={found.difference} alt={t("lost")} />
              <figcaption>{t("lost")}</figcaption>
            </figure>
          </div>
          <div class="panels small">
            {found.channels.map((each, index) => {
              const gone = zero.includes(index);
              return (
                <button
                  type="button"
                  key={index}
                  aria-pressed={gone}
                  onClick={() => empty(gone ? zero.filter((other) => other !== index) : [...zero, index])}
                >
                  <img class="latents" src={each} alt="" />
                  <span>
                    {t("channel", index + 1)}
                    {gone && `, ${t("emptied")}`}
                  </span>
                </button>
              );
            })}
          </div>
        </>
      )}
    </Frame>
  );
}
