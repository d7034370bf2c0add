/**
 * What each room of src/ may import besides itself, and that no file imports itself in a circle.
 * `npm run check` holds it, by dependency-cruiser. README.md says what each room is for.
 */
import { readdirSync } from "node:fs";

const SIGNALS = "@preact/signals";

/** What every room that draws may import. */
const VIEW = ["i18n", "state", "ui", SIGNALS, "preact"];

/** By the room's folder or file: other rooms, parts of rooms, and packages. */
const MAY_IMPORT = {
  main: ["boot"],
  boot: ["App", "actions/drop", "actions/notify", "actions/remove", "i18n", "state", "style", "ui/pictures/again", "ui/taps", SIGNALS, "preact"],
  App: ["albums", "anatomy", "compare", "grids", "links", "presets", "door", "gallery", "i18n", "jobs", "make", "models", "server", "show", "state", "ui"],

  platform: [SIGNALS],
  browser: [],
  i18n: [SIGNALS],
  api: ["platform"],
  "api/models": ["api/http", "api/types"],
  "api/collections": ["api/http", "api/types"],
  state: ["api", "browser", "platform", SIGNALS, "idb-keyval"],
  "state/form": ["api", "browser", "state/kept", SIGNALS],
  "state/live": ["api", "browser", "platform", "state/form/models", "state/kept", SIGNALS],
  "state/page": ["api/types", SIGNALS],
  "state/kept": ["idb-keyval"],
  ui: ["api/errors", "api/images", "api/types", "i18n", "state/live/connection", "state/page/attention", "state/page/steps", "state/page/toasts", SIGNALS, "preact"],
  "ui/sheets": ["i18n", "state/page/steps", "state/page/toasts", "ui/Icon", "ui/sentence", SIGNALS, "preact"],
  "ui/models": ["api/images", "api/types", "i18n", "ui/pictures"],
  "ui/pictures": ["api/images", "api/types"],
  actions: ["api", "browser", "i18n", "platform", "state", "ui/sentence", SIGNALS],
  "actions/saving": ["actions/words", "api", "browser", "platform", "state/page/toasts", "state/page/twice", "ui/sentence"],

  walks: ["api", ...VIEW],

  door: ["api", "platform", ...VIEW],
  server: ["api", "platform", ...VIEW],
  models: ["api", ...VIEW],
  "models/adding": ["api", "models/act", ...VIEW],
  "models/changing": ["api", "models/act", "models/shelf", "models/words", ...VIEW],
  anatomy: ["api", "browser", "walks", ...VIEW],
  "anatomy/draw": ["api", "anatomy/asked", "anatomy/run", "anatomy/state", "anatomy/words", ...VIEW],
  "anatomy/parts": ["api", "browser", "anatomy/asked", "anatomy/draw", "anatomy/run", "anatomy/state", "anatomy/words", "walks", ...VIEW],
  albums: ["api", ...VIEW],
  presets: ["api", "links/Linked", ...VIEW],
  links: ["api", "browser", ...VIEW],
  compare: VIEW,
  show: ["api", ...VIEW],
  grids: ["api", "browser", "platform", ...VIEW],
  editor: ["api/masks", "api/types", ...VIEW],
  "editor/paint": ["api/masks", "api/types", "editor/Frame", "editor/props", "editor/view", "editor/words", ...VIEW],
  "editor/paint/mask": ["editor/view"],
  "editor/paint/choose": ["api/masks", "api/types", "editor/paint/mask", "editor/paint/painter", "editor/paint/tool", "editor/view", "editor/words", ...VIEW],
  "editor/grow": ["editor/Frame", "editor/props", "editor/view", "editor/words", ...VIEW],
  make: ["actions/take", "api", "browser", "editor/Editor", "walks", ...VIEW],
  "make/start": ["actions/take", "editor/Editor", "i18n", "make/layers/LayersRoom", "make/problems", "make/settings/Choice", "make/settings/StrengthField", "make/words", "state/form", "ui", SIGNALS, "preact"],
  "make/settings": ["api", "browser", "make/guides/Rooms", "make/picker", "make/problems", "make/words", "walks", ...VIEW],
  "make/blocks": ["api", "make/settings/Folded", "make/settings/Range", ...VIEW],
  "make/guides": ["actions/take", "api", "make/blocks/BlocksRoom", "make/start/FileButton", "make/places", "make/problems", "make/settings/Choice", "make/settings/Folded", "make/settings/Range", "make/words", ...VIEW],
  "make/places": ["api", "make/problems", "make/settings/Folded", "make/settings/Range", ...VIEW],
  "make/layers": ["api", "browser", ...VIEW],
  "make/picker": ["api", "make/problems", "make/settings/Range", "make/words", ...VIEW],
  jobs: ["actions", "api", "grids/GridCard", "walks", ...VIEW],
  "jobs/card": ["actions", "api", "jobs/Cancel", "jobs/Standing", "jobs/sentence", "jobs/words", "walks", ...VIEW],
  gallery: ["actions", "api", "platform", ...VIEW],
  "gallery/choose": ["actions", "api", "gallery/pictures", "gallery/words", ...VIEW],
  "gallery/grid": ["api", "gallery/choose", "gallery/pictures", "gallery/words", ...VIEW],
  "gallery/viewer": ["actions", "api", "gallery/pictures", "gallery/words", ...VIEW],
};

/** A room is a folder or a file of src/, of this project or, as `../web/src/api`, of another. */
export const inside = (room) =>
  room.startsWith("../") ? `^${room}(/|[.])` : `^src/${room}(/|[.])`;
const installed = (name) => `node_modules/${name}/`;

/** The rules of such a table, for the project in `folder`. */
export function rooms(mayImport, folder) {
  const isRoom = (name) => name === "style" || name.split("/")[0] in mayImport;
  for (const { name } of readdirSync(`${folder}/src`, { withFileTypes: true })) {
    if (!isRoom(name.split(".")[0])) throw new Error(`rooms.mjs does not say what src/${name} may import`);
  }
  const path = (each) => (isRoom(each) || each.startsWith("../") ? inside(each) : installed(each));
  return Object.entries(mayImport).map(([room, others]) => ({
    name: room,
    severity: "error",
    comment: `src/${room} may import ${others.join(", ") || "nothing"}.`,
    from: { path: inside(room) },
    to: { pathNot: [room, ...others].map(path) },
  }));
}

export const NO_CIRCLES = {
  name: "no-circles",
  severity: "error",
  comment: "What two files need of each other belongs in a third one.",
  from: {},
  to: { circular: true },
};

export const options = {
  doNotFollow: { path: "node_modules" },
  tsConfig: { fileName: "tsconfig.json" },
  // Types count: a circle of types is one that a reader runs in.
  tsPreCompilationDeps: true,
};

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    NO_CIRCLES,
    ...rooms(MAY_IMPORT, import.meta.dirname),
    {
      name: "one-way-to-the-server",
      severity: "error",
      comment: "Requests, and the names of what the server's description has, are declared in src/api.",
      from: { path: "^src/", pathNot: inside("api") },
      to: { path: [inside("api/http"), inside("api/schema")] },
    },
  ],
  options,
};
