import { source } from "../../api/images";
import { askAgain } from "../pictures/again";
import "./cover.css";

interface CoverProps {
  /** What it stands for: the same name always has the same drawing. */
  name: string;
  family?: string | undefined;
  /** A picture of it, where there is one. */
  url?: string | null | undefined;
  /** How wide it is shown at most, in pixels of the picture. */
  width?: number;
}

/** The picture of a model or of what is added to one; a quiet drawing where it has none. */
export function Cover({ name, family = "", url, width = 320 }: CoverProps) {
  if (url) return <img class="cover" src={source({ url }, width)} alt="" loading="lazy" onError={askAgain} />;
  const [dots, hue] = [numbers(name, 9), numbers(family || name, 1)[0]! * 360];
  return (
    <span class="cover drawn" data-letters={initials(name)} aria-hidden="true">
      <svg viewBox="0 0 100 100" preserveAspectRatio="xMidYMid slice">
        {[0, 1, 2].map((at) => (
          <circle
            key={at}
            cx={dots[at * 3]! * 100}
            cy={dots[at * 3 + 1]! * 100}
            r={22 + dots[at * 3 + 2]! * 26}
            fill={`hsl(${Math.round(hue + at * 28)} 42% 52%)`}
          />
        ))}
      </svg>
    </span>
  );
}

/** Numbers from 0 to 1 that are the same for the same text: FNV-1a, stirred once more for each. */
function numbers(text: string, count: number): number[] {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return Array.from({ length: count }, () => {
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    hash = Math.imul(hash ^ (hash >>> 12), 0x297a2d39);
    return ((hash ^ (hash >>> 15)) >>> 0) / 2 ** 32;
  });
}

function initials(name: string): string {
  const words = name.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  const letters = words.length > 1 ? words.slice(0, 2).map((each) => [...each][0]) : [...(words[0] ?? "")].slice(0, 2);
  return letters.join("").toUpperCase();
}
