/**
 * What each room of src/ may import besides itself, of the app and of the page, and that no file
 * imports itself in a circle. `npm run check` holds it, by dependency-cruiser.
 */
import { inside, NO_CIRCLES, options, rooms } from "../web/rooms.mjs";

const SIGNALS = "@preact/signals";

const CORE = "@capacitor/core";

const page = (...parts) => parts.map((each) => `../web/src/${each}`);

/** By the room's folder or file: other rooms, parts of rooms, parts of the page, and packages. */
const MAY_IMPORT = {
  main: ["phone", "screens", "shell", ...page("boot", "i18n", "platform", "ui/theme"), CORE, "preact"],
  shell: [
    "phone/photos",
    "servers",
    "words",
    ...page("platform", "state/page/toasts"),
    SIGNALS,
    CORE,
    "@capacitor/preferences",
    "@aparajita/capacitor-secure-storage",
  ],
  words: page("i18n"),
  screens: [
    "phone",
    "servers",
    "shell",
    "words",
    ...page("api/errors", "door", "state/page/toasts", "style", "ui"),
    SIGNALS,
    CORE,
    "preact",
  ],
  servers: [...page("api", "browser"), SIGNALS],
  phone: [
    "servers/address",
    "words",
    ...page("api/types", "state"),
    SIGNALS,
    "@capacitor",
    "@capacitor-community",
    "capacitor-zeroconf",
  ],
};

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    NO_CIRCLES,
    ...rooms(MAY_IMPORT, import.meta.dirname),
    {
      name: "one-way-to-the-server",
      severity: "error",
      comment: "Servers other than the one in use are asked by src/servers/pairing.ts.",
      from: { path: "^src/", pathNot: inside("servers/pairing") },
      to: { path: page("api/http", "api/schema").map(inside) },
    },
  ],
  options: { ...options, doNotFollow: { path: ["node_modules", "^[.][.]/web/"] } },
};
