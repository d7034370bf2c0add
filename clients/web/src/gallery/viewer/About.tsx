import { signal } from "@preact/signals";
import { useRecipe } from "../../actions/form";
import { copyRecipe } from "../../actions/saving/keep";
import { anatomy } from "../../actions/anatomy";
import { alone } from "../../state/live/alone";
import { gridOf } from "../../state/live/grids";
import { find } from "../../state/live/jobs";
import { gridShown } from "../../state/page/overlays";
import { Icon } from "../../ui/Icon";
import type { Picture } from "../pictures";
import { t } from "../words";
import { figures } from "./figures";

/** Open where there is room beside the picture, and else when it is asked for. */
const unfolded = signal(innerWidth >= 900);

/** Prompt and settings of a picture. */
export function About({ picture }: { picture: Picture }) {
  const { output } = picture;
  const job = alone(find(picture.job.id)?.job.value ?? picture.job, output);
  const { prompt, negative_prompt: negative } = job.input;
  const grid = gridOf(job);
  return (
    <section class="about">
      <button
        type="button"
        class="plain fold"
        aria-expanded={unfolded.value}
        onClick={() => (unfolded.value = !unfolded.value)}
      >
        <span>
          <span class={unfolded.value ? "" : "unseen"}>{t("about")} </span>
          {!unfolded.value && <bdi>{prompt || t("untitled")}</bdi>}
        </span>
        <Icon name={unfolded.value ? "minus" : "plus"} />
      </button>
      {unfolded.value && (
        <div class="recipe" tabIndex={0} role="region" aria-label={t("about")}>
          <p class="words" dir="auto">{prompt}</p>
          {output.read_as && (
            <p class="words muted">
              {t("readAs")}: <bdi>{output.read_as}</bdi>
            </p>
          )}
          {negative && (
            <p class="words muted" dir="auto">
              {t("negative")}: <bdi>{negative}</bdi>
            </p>
          )}
          <dl>
            {figures(job, output).map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>
                  <bdi>{value}</bdi>
                </dd>
              </div>
            ))}
          </dl>
          <div class="uses">
            <button type="button" onClick={() => void useRecipe(job, output)}>
              <Icon name="edit" />
              {t("toForm")}
            </button>
            {grid && (
              <button type="button" onClick={() => (gridShown.value = grid)}>
                <Icon name="grid" />
                {t("grid")}
              </button>
            )}
            <button type="button" onClick={() => anatomy(job, output)}>
              <Icon name="anatomy" />
              {t("how")}
            </button>
            <button type="button" onClick={() => void copyRecipe(job, output)}>
              <Icon name="copy" />
              {t("recipe")}
            </button>
          </div>
        </div>
      )}
    </section>
  );
}
