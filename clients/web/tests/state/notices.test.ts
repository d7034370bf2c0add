import { describe, expect, it } from "vitest";
import "../page";

const { isTopic, ntfy, tellable, telling } = await import("../../src/state/live/notices");
const { withNotice } = await import("../../src/state/live/outgoing");

describe("a topic of ntfy", () => {
  it("is an address with something behind its server", () => {
    expect(isTopic("https://ntfy.sh/anna-pictures")).toBe(true);
    expect(isTopic("http://192.168.1.20:8080/kitchen")).toBe(true);
    for (const text of ["https://ntfy.sh", "ntfy.sh/anna", "ftp://ntfy.sh/anna", "anna"]) expect(isTopic(text)).toBe(false);
  });

  it("is told of what this device asks for, unless the request names somebody itself", () => {
    expect(withNotice({ prompt: "cat" })).toEqual({ prompt: "cat" });
    ntfy.value = "https://ntfy.sh/anna";
    const webhook = { url: "https://ntfy.sh/anna", format: "ntfy", events: ["done"] };
    expect(withNotice({ prompt: "cat" })).toEqual({ prompt: "cat", webhook });
    const own = { url: "https://example.org/", format: "json" as const, events: [] };
    expect(withNotice({ webhook: own }).webhook).toBe(own);
    ntfy.value = "";
  });
});

describe("a browser that lets no page tell of anything", () => {
  it("is not asked", () => {
    expect([tellable, telling.value]).toEqual([false, false]);
  });
});
