import { takeMore } from "../../actions/take";
import type { Input } from "../../state/form/input";
import { model } from "../../state/form/models";
import { Icon } from "../../ui/Icon";
import { FileButton } from "./FileButton";
import { t } from "../words";

interface Having {
  source: Input;
  set(some: Partial<Input>): void;
}

/** The other pictures that an edit speaks of, as many as the model takes. */
export function More({ source, set }: Having) {
  const { more } = source;
  const most = model.value?.edit_pictures ?? 1;
  if (most < 2 && !more.length) return null;
  return (
    <div class="more-pictures">
      {more.map((each, index) => (
        <div key={each.url || index} class="start-picture">
          <img src={each.url} alt={t("another", index + 2)} width={each.width} height={each.height} />
          <button
            type="button"
            aria-label={t("removeAnother", index + 2)}
            title={t("removeAnother", index + 2)}
            onClick={() => set({ more: more.filter((_, at) => at !== index) })}
          >
            <Icon name="close" />
          </button>
        </div>
      ))}
      {1 + more.length < most && (
        <FileButton label={t("addPicture")} icon="plus" taken={(file) => void takeMore(file)} />
      )}
    </div>
  );
}
