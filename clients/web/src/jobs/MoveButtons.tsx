import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { find } from "../state/live/jobs";
import { toast } from "../state/page/toasts";
import { Icon, type IconName } from "../ui/Icon";
import { sentence } from "../ui/sentence";
import { beside, moveTo, target, type Moved, type Way } from "./order";
import { named } from "./sentence";
import { t } from "./words";

const WAYS: readonly [Way, IconName][] = [
  ["front", "top"],
  ["up", "up"],
  ["down", "down"],
];

interface Props {
  id: string;
  /** The queue in its turn. */
  among: readonly string[];
  moved(now: Moved): void;
}

/** Lets a waiting job change places with those that wait for the same; nothing where it runs. */
export function MoveButtons({ id, among, moved }: Props) {
  const busy = useSignal(false);
  const group = useRef<HTMLDivElement>(null);
  const mates = beside(id, among);
  const prompt = named(find(id)?.job.peek().input.prompt);
  if (!mates.includes(id)) return null;
  const go = async (way: Way) => {
    const place = target(id, way, mates);
    if (!place || busy.peek()) return;
    busy.value = true;
    try {
      await moveTo(id, place, mates);
      const now = mates.indexOf(id) + (way === "up" ? -1 : way === "down" ? 1 : -mates.indexOf(id));
      moved({ prompt, place: now + 1, of: mates.length });
    } catch (error) {
      toast(sentence(error, false));
    }
    busy.value = false;
    // A row that moves in the page loses the focus, and the keyboard would start over.
    requestAnimationFrame(() => group.current?.querySelector<HTMLElement>(`[data-way="${way}"]`)?.focus());
  };
  return (
    <div class="moves" ref={group} role="group" aria-label={t("move", prompt)}>
      {WAYS.map(([way, icon]) => (
        <button
          key={way}
          type="button"
          class="plain"
          data-way={way}
          aria-label={t(way)}
          title={t(way)}
          aria-disabled={busy.value || target(id, way, mates) === null}
          onClick={() => void go(way)}
        >
          <Icon name={icon} />
        </button>
      ))}
    </div>
  );
}
