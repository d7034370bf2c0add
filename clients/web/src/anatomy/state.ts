/** What the room shows, all of it in the address: a link opens the same on every device. */
import { signal } from "@preact/signals";
import { readState } from "../api/server";
import type { Walk } from "../api/types";
import { language } from "../i18n";
import { model } from "../state/form/models";
import { route, turn } from "../state/page/route";

export const PARTS = ["steps", "drown", "worlds", "words", "fewer", "taught"] as const;

export type Part = (typeof PARTS)[number];

export const OVERS: readonly Walk["over"][] = ["steps", "samplers", "schedules", "prompts", "seeds", "words"];

/** What lights up of a word. */
export const MAPS = ["acted", "looked"] as const;

export interface State {
  part: Part;
  lesson: boolean;
  prompt: string;
  /** The second prompt of parts 4 and 5, and the second seed. */
  other: string;
  seed: number;
  otherSeed: number;
  /** What changes from picture to picture in part 5. */
  over: Walk["over"];
  steps: number;
  sampler: string;
  schedule: string;
  guidance: number;
  /** Empty is the server's default. */
  model: string;
  /** The picture that led here: it is what is looked into, if it can be. */
  image: string;
  /** Which step is shown, and which word lights up. */
  step: number;
  word: number;
  map: (typeof MAPS)[number];
  /** The timestep of parts 2 and 6. */
  time: number;
}

const DEFAULT: State = {
  part: "steps",
  lesson: false,
  prompt: "red apple, 3d",
  other: "green apple, 3d",
  seed: 7,
  otherSeed: 8,
  over: "steps",
  steps: 20,
  sampler: "",
  schedule: "automatic",
  guidance: 4,
  model: "",
  image: "",
  step: 0,
  word: -1,
  map: "acted",
  time: 400,
};

/** The examples as the model's table of words reads them; a link says which it is about. */
const VIETNAMESE: Partial<State> = { prompt: "quả táo đỏ, 3d", other: "quả táo xanh, 3d" };

function example(): State {
  const read = language.peek() === "vi" && model.peek()?.reads_words;
  return { ...DEFAULT, ...(read ? VIETNAMESE : {}) };
}

const OPTIONS: readonly (keyof State)[] = Object.keys(DEFAULT) as (keyof State)[];

function read(text: string | null): State {
  // A link without words is about those that it was made with.
  if (!text) return example();
  const given = new URLSearchParams(text ?? "");
  const found: Record<string, unknown> = { ...DEFAULT };
  for (const name of OPTIONS) {
    const value = given.get(name);
    if (value === null) continue;
    const usual = DEFAULT[name];
    if (typeof usual === "number") found[name] = Number.isFinite(Number(value)) ? Number(value) : usual;
    else if (typeof usual === "boolean") found[name] = value === "true";
    else found[name] = value.slice(0, 1000);
  }
  if (!PARTS.includes(found.part as Part)) found.part = DEFAULT.part;
  if (!OVERS.includes(found.over as Walk["over"])) found.over = DEFAULT.over;
  if (!MAPS.includes(found.map as State["map"])) found.map = DEFAULT.map;
  return found as unknown as State;
}

function written(state: State): string {
  const changed = OPTIONS.filter((name) => name === "part" || state[name] !== DEFAULT[name]);
  return new URLSearchParams(changed.map((name) => [name, String(state[name])])).toString();
}

export const state = signal<State>(read(route.peek().open));

let timer: ReturnType<typeof setTimeout> | undefined;

/** The address as it was written here last; null once somebody else wrote it. */
let ours: string | null = null;

/** Milliseconds of rest before the address follows: browsers allow a hundred changes in 30 s. */
const REST = 400;

/** Shows something else. */
export function show(some: Partial<State>): void {
  state.value = { ...state.peek(), ...some };
  clearTimeout(timer);
  timer = setTimeout(() => {
    if (route.peek().place !== "anatomy") return;
    ours = written(state.peek());
    turn(ours);
  }, REST);
}

/** Follows the address where it was changed by somebody else: a link, or the way back. */
export function follow(): void {
  const { place, open } = route.peek();
  // What was written here is told of after the page is drawn, when more may have been tapped.
  if (place !== "anatomy" || open === null || open === ours || open === written(state.peek())) return;
  clearTimeout(timer);
  ours = null;
  state.value = read(open);
}

/** The address of what is shown, for others. */
export async function link(): Promise<string> {
  const { address } = await readState();
  return `${address}/#/anatomy/${encodeURIComponent(written({ ...state.peek(), image: "" }))}`;
}
