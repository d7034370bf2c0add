/** What lists and places are made of. */
import { signal } from "@preact/signals";
import { Refused, Unreachable } from "../src/api/errors";
import type { Preset, Style } from "../src/api/types";
import { OutgoingCard } from "../src/jobs/card/OutgoingCard";
import { FilterRow } from "../src/gallery/choose/FilterRow";
import { SelectBar } from "../src/gallery/choose/SelectBar";
import { Shelf } from "../src/gallery/choose/Shelf";
import "../src/gallery/gallery.css";
import { Thumb } from "../src/gallery/grid/Thumb";
import { picturesOf } from "../src/gallery/pictures";
import { About } from "../src/gallery/viewer/About";
import "../src/gallery/viewer/viewer.css";
import { ModelCard } from "../src/models/Card";
import "../src/models/models.css";
import { PresetList } from "../src/presets/PresetList";
import { StyleList } from "../src/presets/StyleList";
import "../src/presets/presets.css";
import { Notices } from "../src/server/Notices";
import "../src/server/server.css";
import { albums, favourites } from "../src/state/live/albums";
import type { Outgoing } from "../src/state/live/outgoing";
import { models } from "../src/state/form/models";
import { Part } from "./Part";
import { CARDS } from "./states";

const nothing = () => undefined;

const album = (id: string, name: string, count: number) => ({ id, name, count, cover: null, created_at: "2026-01-01T00:00:00Z" });
albums.value = [album("favourites", "", 1), album("a", "Holiday", 12)] as unknown as typeof albums.value;

const [picture] = picturesOf(CARDS.succeeded!);
favourites.value = new Set([picture!.output.id]);

const SENT: Outgoing = { key: "a", request: { prompt: "on its way", count: 1 } as Outgoing["request"], files: {}, at: 0, base: "", problem: null };

const OUTGOING: Readonly<Record<string, Outgoing>> = {
  sending: SENT,
  "out of reach": { ...SENT, key: "b", problem: new Unreachable() },
  refused: { ...SENT, key: "c", problem: new Refused(422, "invalid-request", "steps: must be at most 150; it is 500") },
};

const PRESETS = signal([{ id: "a", name: "Fast ink", settings: {} }] as unknown as readonly Preset[]);
const STYLES = signal([{ name: "Ink", prompt: "ink drawing of {prompt}", negative_prompt: "" }] as readonly Style[]);

export function Lists() {
  return (
    <>
      {Object.entries(OUTGOING).map(([name, entry]) => (
        <Part key={name} name={name} high={560}>
          <OutgoingCard entry={entry} />
        </Part>
      ))}
      <Part name="shelf" high={260}>
        <Shelf />
      </Part>
      <Part name="filters" high={260}>
        <FilterRow />
      </Part>
      <Part name="thumbnail" high={260}>
        <ul class="grid" style={{ position: "relative", height: "200px" }}>
          <Thumb picture={picture!} box={{ x: 0, y: 0, width: 200, height: 200 }} place={0} of={1} focusable focus={nothing} choose={nothing} />
        </ul>
      </Part>
      <Part name="about a picture" high={560}>
        <About picture={picture!} />
      </Part>
      <Part name="card of a model" high={560}>
        <ul class="cards">
          <ModelCard model={models.value[0]!} />
        </ul>
      </Part>
      <Part name="presets and styles" high={560}>
        <PresetList presets={PRESETS} close={nothing} />
        <StyleList styles={STYLES} />
      </Part>
      <Part name="notices" high={300}>
        <Notices />
      </Part>
      <Part name="chosen pictures" high={300}>
        <SelectBar pictures={[picture!]} />
      </Part>
    </>
  );
}
