/** About how long what the form says would take, asked anew when anything changes that costs time. */
import { effect, signal } from "@preact/signals";
import { forecast } from "../api/jobs";
import type { JobRequest } from "../api/types";
import { draft, inPixels, request } from "../state/form/draft";
import { guides } from "../state/form/guides";
import { input } from "../state/form/input";
import { model } from "../state/form/models";
import { connection } from "../state/live/connection";
import { ids, onDone } from "../state/live/jobs";

/** Milliseconds in which nothing changes before the server is asked. */
const STILL = 500;

/** Seconds; null where nobody knows. */
export const takes = signal<number | null>(null);

/** Words take no time, so that nothing is asked while somebody types. */
const WORDLESS = { prompt: "picture", negative_prompt: "", seed: 0 };

/** What is asked: the request, with any word for its pictures. */
function asked(): { request: JobRequest; picture?: { width: number; height: number } } {
  const [source, chosen] = [input.value, model.value];
  const wish: JobRequest = { ...request(draft.value, source, chosen, guides.value), ...WORDLESS };
  delete wish.styles;
  if (wish.regions) wish.regions = wish.regions.map((each) => ({ ...each, prompt: WORDLESS.prompt }));
  if (!source) return { request: wish };
  wish.image = "picture";
  if (source.use === "inpaint") wish.mask = "mask";
  return { request: wish, picture: inPixels(source, chosen, draft.value) };
}

/** As people say it: no more than about two digits of it are known. */
export function roughly(seconds: number): number {
  const step = seconds < 10 ? 1 : seconds < 60 ? 5 : 10;
  return Math.max(1, Math.round(seconds / step) * step);
}

/** Keeps `takes` as it is for as long as the form is seen; returns what ends that. */
export function foretell(): () => void {
  let timer = 0;
  let last: AbortController | null = null;
  const ask = async (body: ReturnType<typeof asked>) => {
    last?.abort();
    last = new AbortController();
    const { signal } = last;
    // What the form lacks it says itself once it is sent.
    const seconds = await forecast(body, signal).catch(() => null);
    if (!signal.aborted) takes.value = seconds;
  };
  const ended = signal(0);
  const hear = onDone(() => (ended.value += 1));
  const end = effect(() => {
    // What waits before it comes and goes.
    void [ids.value, ended.value];
    const body = asked();
    clearTimeout(timer);
    if (connection.value === "online") timer = window.setTimeout(() => void ask(body), STILL);
    else takes.value = null;
  });
  return () => {
    hear();
    end();
    clearTimeout(timer);
    last?.abort();
  };
}
