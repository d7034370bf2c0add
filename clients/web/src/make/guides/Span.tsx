import { Range } from "../settings/Range";
import { t } from "./words";

interface SpanProps {
  /** The field of the request that has both. */
  pointer: string;
  start: number;
  end: number;
  change(span: { start: number; end: number }): void;
}

/** Between which shares of the steps something acts. */
export function Span({ pointer, start, end, change }: SpanProps) {
  return (
    <>
      {(["start", "end"] as const).map((side) => {
        const value = side === "start" ? start : end;
        return (
          <Range
            key={side}
            label={t(side)}
            said={t("share", Math.round(value * 100))}
            pointer={`${pointer}/${side}`}
            value={value}
            min={0}
            max={1}
            step={0.05}
            change={(share) =>
              // The other end goes along: nothing ends before it begins.
              change(side === "start" ? { start: share, end: Math.max(share, end) } : { start: Math.min(start, share), end: share })
            }
          />
        );
      })}
    </>
  );
}
