/** What modules of the page find in a browser as they are loaded; import it before them. */
import { vi } from "vitest";

vi.stubGlobal("localStorage", { getItem: () => null, setItem: () => undefined });
vi.stubGlobal("navigator", { languages: ["en"], onLine: true });
vi.stubGlobal("document", { documentElement: {} });
