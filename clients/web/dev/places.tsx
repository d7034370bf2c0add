/** What lies over the page, grids, and what the server's place is made of. */
import { GridCard } from "../src/grids/GridCard";
import { Linked } from "../src/links/Linked";
import { Devices } from "../src/server/Devices";
import { Quotas } from "../src/server/Quotas";
import "../src/server/server.css";
import { me } from "../src/state/live/connection";
import { toasts } from "../src/state/page/toasts";
import { Sheet } from "../src/ui/sheets/Sheet";
import { output } from "../tests/samples";
import { Part } from "./Part";

const nothing = () => undefined;

const [FIRST, SECOND] = ["0".repeat(16), "1".repeat(16)];

const device = (id: string, name: string, owner: string, some: object = {}) => ({ id, name, owner, role: "user", kind: "paired", created_at: "2026-01-01T00:00:00Z", last_seen: null, ...some });

const cell = (at: number, status: string) => ({
  job: `job-${at}`,
  status,
  output: status === "succeeded" ? { ...output(`cell-${at}`), url: `/picture?cell-${at}` } : null,
  error: null,
});

/** What a server would answer, by the end of the address. */
const ANSWERS: Readonly<Record<string, unknown>> = {
  devices: {
    devices: [device("a", "Kitchen phone", FIRST, { role: "admin", kind: "browser" }), device("b", "Script on the laptop", SECOND, { kind: "token" })],
  },
  quotas: {
    server: { queued: 0, pictures_in_flight: 0, pictures_per_day: 200 },
    quotas: [{ owner: FIRST, queued: null, pictures_in_flight: 4, pictures_per_day: null }],
  },
  "grids/a": {
    id: "a",
    prompt: "a red apple",
    axes: [
      { field: "/steps", values: [4, 20], title: "Steps" },
      { field: "/sampler", values: ["euler", "ddim"], title: "Sampler", labels: ["Euler", "DDIM"] },
    ],
    created_at: "2026-01-01T00:00:00Z",
    cells: [cell(0, "succeeded"), cell(1, "succeeded"), cell(2, "running"), cell(3, "queued")],
    counts: { succeeded: 2, running: 1, queued: 1 },
    ended: 2,
  },
};

window.fetch = async (asked) => {
  const path = String(asked).split("/api/v1/")[1] ?? "";
  const answer = ANSWERS[path];
  return new Response(JSON.stringify(answer ?? {}), { status: answer ? 200 : 404, headers: { "Content-Type": "application/json" } });
};

// Here each sheet stands in its own place, over nothing, and takes no focus.
HTMLDialogElement.prototype.showModal = function (this: HTMLDialogElement) {
  this.open = true;
};

me.value = { owner: FIRST, role: "admin", device: { id: "a", name: "Kitchen phone" } } as unknown as typeof me.value;

// Without a time after which they go.
toasts.value = [
  { id: -1, text: "The link is copied.", hold: nothing, release: nothing },
  { id: -2, text: "A yellow house is deleted.", action: { label: "Undo", run: nothing }, hold: nothing, release: nothing },
];

export function Places() {
  return (
    <>
      <Part name="sheet with toasts" high={560}>
        <Sheet title="A link to this picture" close={nothing}>
          <Linked url="http://192.168.1.20:7860/#/make/e30" qr={null} note="It ends 2 Jan 2026, 12:00." />
        </Sheet>
      </Part>
      <Part name="grid" high={560}>
        <GridCard id="a" />
      </Part>
      <Part name="devices" high={560}>
        <Devices />
      </Part>
      <Part name="quotas" high={560}>
        <Quotas />
      </Part>
    </>
  );
}
