import { source } from "../../api/images";
import { askAgain } from "../../ui/pictures/again";
import { Icon } from "../../ui/Icon";
import { favourites } from "../../state/live/albums";
import { chosen, selecting } from "../choose/selection";
import { seen } from "../pictures";
import { t } from "../words";
import type { Cell } from "./cell";
import { fast } from "./scroll";

/** Widths in which thumbnails are asked for, so that the server makes few of each. */
const WIDTHS = [160, 320, 480, 640];

export function Thumb({ picture, box, place, of, focusable, focus, choose }: Cell) {
  const { output, job, index } = picture;
  const wanted = box.width * devicePixelRatio;
  const width = WIDTHS.find((each) => each >= wanted) ?? WIDTHS.at(-1)!;
  const count = job.outputs.length;
  if (!fast.value) seen.set(output.id, source(output, width));
  const name = job.input.prompt || t("untitled");
  return (
    <li
      aria-posinset={place + 1}
      aria-setsize={of}
      style={{
        width: `${box.width}px`,
        height: `${box.height}px`,
        transform: `translate(calc(var(--onward) * ${box.x}px), ${box.y}px)`,
      }}
    >
      <a
        href={`#/gallery/${output.id}`}
        data-picture={place}
        tabIndex={focusable ? 0 : -1}
        aria-label={count > 1 ? `${name} (${t("ofJob", index + 1, count)})` : name}
        onFocus={focus}
        role={selecting.value ? "checkbox" : undefined}
        aria-checked={selecting.value ? chosen.value.has(output.id) : undefined}
        onClick={(event) => {
          if (!selecting.peek()) return;
          event.preventDefault();
          choose(event.shiftKey);
        }}
      >
        <img
          src={seen.has(output.id) ? source(output, width) : undefined}
          alt=""
          decoding="async"
          draggable={false}
          onError={askAgain}
        />
        {favourites.value.has(output.id) && (
          <span class="heart" aria-hidden="true">
            <Icon name="star" />
          </span>
        )}
        {selecting.value && (
          <span class="tick" aria-hidden="true">
            {chosen.value.has(output.id) && <Icon name="check" />}
          </span>
        )}
        {count > 1 && (
          <span class="badge" aria-hidden="true">
            {index + 1}/{count}
          </span>
        )}
      </a>
    </li>
  );
}
