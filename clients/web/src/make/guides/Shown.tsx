import type { Given } from "../../state/form/input";
import { Icon } from "../../ui/Icon";
import { useProblem } from "../problems";
import { t } from "./words";

/** A picture that was chosen, and what is wrong with it. */
export function Shown({ picture, name, pointer, remove }: { picture: Given; name: string; pointer: string; remove(): void }) {
  const problem = useProblem([pointer]);
  return (
    <div class="guide-picture">
      <div class="start-picture">
        <img src={picture.url} alt={name} width={picture.width} height={picture.height} />
        <button type="button" aria-label={t("remove", name)} title={t("remove", name)} onClick={remove}>
          <Icon name="close" />
        </button>
      </div>
      {problem && (
        <p class="error" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}
