import { expect, it } from "vitest";
import page from "../../web/package.json";
import app from "../package.json";

it("is built on the same packages as the page", () => {
  for (const [name, version] of Object.entries(page.dependencies)) {
    expect((app.dependencies as Record<string, string>)[name], name).toBe(version);
  }
});
