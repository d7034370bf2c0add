import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { picture } from "../../api/models/additions";
import { Cover } from "../../ui/models/Cover";

interface FoundCoverProps {
  name: string;
  family: string;
  /** Where its source shows a picture of it. */
  url: string | null;
}

/** Pictures that are asked for at once: a browser has few connections to a server, and others need them. */
const AT_ONCE = 2;

let busy = 0;
const waiting: (() => void)[] = [];

async function turn<T>(run: () => Promise<T>): Promise<T> {
  if (busy >= AT_ONCE) await new Promise<void>((go) => waiting.push(go));
  busy++;
  try {
    return await run();
  } finally {
    busy--;
    waiting.shift()?.();
  }
}

/** The picture of something that was found, once the server has read it; a drawing until then. */
export function FoundCover({ name, family, url }: FoundCoverProps) {
  const shown = useSignal("");
  useEffect(() => {
    if (!url) return;
    const gone = new AbortController();
    const ask = async () => {
      const blob = gone.signal.aborted ? null : await picture(url, gone.signal);
      if (blob && !gone.signal.aborted) shown.value = URL.createObjectURL(blob);
    };
    // Without it the drawing stays.
    void turn(ask).catch(() => undefined);
    return () => {
      gone.abort();
      if (shown.peek()) URL.revokeObjectURL(shown.peek());
    };
  }, [url]);
  return shown.value ? <img class="cover" src={shown.value} alt="" /> : <Cover name={name} family={family} />;
}
