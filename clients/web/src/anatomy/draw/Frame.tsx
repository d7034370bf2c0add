import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { number } from "../../i18n";
import { Fold } from "../../ui/Fold";
import { PARTS, show, state, type Part } from "../state";
import { t } from "../words";
import { formulas } from "./formulas";

const PAPERS: Record<Part, readonly string[]> = {
  steps: ["2006.11239", "2207.12598", "2105.05233"],
  drown: ["2006.11239", "2102.09672"],
  worlds: ["2112.10752"],
  words: ["2103.00020", "2112.10752"],
  fewer: ["2010.02502", "2006.11239"],
  taught: ["2006.11239", "2112.10752", "2103.00020"],
};

/** What people call them. */
const NAMES: Readonly<Record<string, string>> = {
  "2006.11239": "DDPM",
  "2010.02502": "DDIM",
  "2102.09672": "Improved DDPM",
  "2103.00020": "CLIP",
  "2105.05233": "Guided diffusion",
  "2112.10752": "Latent diffusion",
  "2207.12598": "Classifier-free guidance",
};

const CODE: Record<Part, readonly string[]> = {
  steps: ["docs/latent_diffusion.py: ddim_step", "worker/engine/guidance/guide.py: guide", "worker/engine/anatomy/words.py: acted"],
  drown: ["docs/latent_diffusion.py: add_noise", "worker/engine/anatomy/noise.py: step_by_step"],
  worlds: ["docs/latent_diffusion.py: encode, decode", "worker/engine/parts/autoencoder.py"],
  words: ["docs/latent_diffusion.py: read", "worker/engine/prompt/text/spelling.py: spell"],
  fewer: ["docs/latent_diffusion.py: timesteps", "worker/engine/sampling/sampler.py"],
  taught: ["models/recipe/diffusion.py: loss", "models/recipe/autoencoder.py: reconstruction_loss"],
};

/** A part: what it says in two sentences, what there is to try, and where it comes from. */
export function Frame({ part, children }: { part: Part; children: ComponentChildren }) {
  const { lesson } = state.value;
  const [answered, answer] = useState(false);
  const [unfolded, unfold] = useState(false);
  const at = PARTS.indexOf(part);
  const next = PARTS[at + 1];
  return (
    <article class="part">
      <h2>
        {number(at + 1)}. {t(`title-${part}`)}
      </h2>
      <p>{t(`says-${part}`)}</p>
      {lesson && (
        <section class="question" aria-label={t("question")}>
          <h3>{t(`question-${part}`)}</h3>
          <p class="muted">{t(`try-${part}`)}</p>
          <div class="row">
            <button type="button" aria-expanded={answered} onClick={() => answer(!answered)}>
              {t(answered ? "hide" : "answer")}
            </button>
            {next && (
              <button type="button" class="primary" onClick={() => show({ part: next })}>
                {t("next")}
              </button>
            )}
          </div>
          {answered && <p role="status">{t(`answer-${part}`)}</p>}
        </section>
      )}
      {children}
      {!lesson && (
        <section class="in-short">
          <h3>{t(`question-${part}`)}</h3>
          <p>{t(`answer-${part}`)}</p>
        </section>
      )}
      <Fold title={t("formula")} open={unfolded} toggled={unfold}>
        <div class="sources">
          {formulas(part).map((each) => (
            <div key={each.key} class="formula">
              {each}
            </div>
          ))}
          <p class="muted">{t(`symbols-${part}`)}</p>
          <p>
            {t("source")}{" "}
            {PAPERS[part].map((each) => (
              <a key={each} href={`https://arxiv.org/abs/${each}`} target="_blank" rel="noreferrer">
                {NAMES[each]} (arXiv {each})
              </a>
            ))}
          </p>
          <p>{t("code")}</p>
          <ul>
            {CODE[part].map((each) => (
              <li key={each}>
                <code>{each}</code>
              </li>
            ))}
          </ul>
        </div>
      </Fold>
    </article>
  );
}
