/**
 * What the app takes of the page, and that no file imports itself in a circle. `npm run check`
 * holds it, by dependency-cruiser.
 */
import { NO_CIRCLES, options } from "../web/rooms.mjs";

const page = (...parts) => parts.map((each) => `^[.][.]/web/src/${each}(/|[.])`);

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    NO_CIRCLES,
    {
      name: "of-the-page",
      severity: "error",
      comment: "The app starts the page and shares what all of its rooms share; of those it knows the door alone.",
      from: { path: "^src/" },
      to: {
        path: "^[.][.]/",
        pathNot: page("api", "boot", "browser", "door", "i18n", "platform", "state", "style", "ui"),
      },
    },
    {
      name: "one-way-to-the-server",
      severity: "error",
      comment: "Servers other than the one in use are asked by src/pairing.ts.",
      from: { path: "^src/", pathNot: "^src/pairing[.]" },
      to: { path: page("api/http", "api/schema") },
    },
  ],
  options: { ...options, doNotFollow: { path: ["node_modules", "^[.][.]/web/"] } },
};
