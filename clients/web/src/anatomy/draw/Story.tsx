import { useEffect, useState } from "preact/hooks";
import { story } from "../../api/models/anatomy";
import type { Story as Told } from "../../api/types";
import { model as chosen } from "../../state/form/models";
import { sentence } from "../../ui/sentence";
import { state } from "../state";
import { t } from "../words";
import { Curve } from "./Curve";

/** How the model was taught: its loss by steps, and what it drew at several ages. */
export function Story() {
  const name = state.value.model || chosen.value?.name;
  const [told, tell] = useState<Told | null>(null);
  const [lacks, say] = useState("");
  useEffect(() => {
    if (!name) return;
    let here = true;
    tell(null);
    say("");
    story(name).then(
      (found) => here && tell(found),
      (error: unknown) => here && say(sentence(error)),
    );
    return () => void (here = false);
  }, [name]);
  if (!told) return lacks ? <p class="muted">{lacks}</p> : null;
  if (!told.curve.length) return <p class="muted">{t("noStory")}</p>;
  const last = told.curve[told.curve.length - 1];
  return (
    <>
      {last && (
        <section>
          <h3>{t("curve")}</h3>
          {told.continued && <p>{t("continued")}</p>}
          <Curve
            lines={[{ name: t("curve"), values: told.curve.map((each) => each.loss) }]}
            at={1}
            label={t("curve")}
            from={t("curveFrom")}
            to={t("curveTo", last.step)}
          />
        </section>
      )}
      {told.grids.length > 0 && (
        <section class="ages">
          <h3>{t("ages")}</h3>
          {told.grids.map(({ step, picture }) => (
            <figure key={step}>
              <img src={picture} alt={t("age", step)} />
              <figcaption>{t("age", step)}</figcaption>
            </figure>
          ))}
          <p class="muted">{t("drawn", told.prompts.join(", "))}</p>
        </section>
      )}
    </>
  );
}
