import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { isOf, problems } from "../../state/form/problems";
import { Fold } from "../../ui/Fold";

interface FoldedProps {
  title: string;
  /** The fields in it, as JSON pointers: it opens where something is wrong with one of them. */
  pointers: readonly string[];
  children: ComponentChildren;
}

/** What few change, behind its name. */
export function Folded({ title, pointers, children }: FoldedProps) {
  const wrong = problems.value.some((each) => isOf(each, pointers));
  const open = useSignal(wrong);
  useEffect(() => {
    // It stays open while it is mended.
    if (wrong) open.value = true;
  }, [wrong]);
  return (
    <Fold title={title} open={open.value} toggled={(now) => (open.value = now)}>
      {children}
    </Fold>
  );
}
