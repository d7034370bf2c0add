import { beforeEach, describe, expect, it, vi } from "vitest";
import "../page";

const location = { hash: "#/anatomy/part%3Dsteps" };
vi.stubGlobal("location", location);
vi.stubGlobal("addEventListener", () => undefined);
vi.stubGlobal("history", {
  replaceState: (_state: unknown, _title: string, address: string) => {
    location.hash = address;
  },
});
vi.useFakeTimers();

const { follow, show, state } = await import("../../src/anatomy/state");
const { route, turn } = await import("../../src/state/page/route");

describe("what the room shows", () => {
  beforeEach(() => {
    show({ word: -1, map: "acted" });
    vi.runAllTimers();
    follow();
  });

  it("stands in the address after a while", () => {
    show({ word: 1 });
    vi.runAllTimers();
    expect(route.peek().open).toContain("word=1");
  });

  it("keeps what was tapped between the address's change and its telling", () => {
    show({ word: 1 });
    vi.runAllTimers();
    show({ map: "looked" });
    follow();
    expect(state.peek()).toMatchObject({ word: 1, map: "looked" });
  });

  it("follows an address that somebody else wrote, to where it was before as well", () => {
    show({ word: 1 });
    vi.runAllTimers();
    const before = route.peek().open!;
    turn("part=steps&word=2");
    follow();
    expect(state.peek().word).toBe(2);
    turn(before);
    follow();
    expect(state.peek().word).toBe(1);
  });
});
