import { beforeEach, describe, expect, it, vi } from "vitest";
import "../page";
import type { Addition } from "../../src/api/types";

const { additions, began, refreshAdditions } = await import("../../src/models/adding/running");
const { toasts } = await import("../../src/state/page/toasts");

const addition = (id: string, status: Addition["status"]) =>
  ({ id, name: id, source: `from/${id}`, status, urls: {}, progress: {} }) as unknown as Addition;

describe("what is being added", () => {
  /** What the server answers, one after the other; each waits until it is let go. */
  let answers: ((now: Addition[]) => void)[];

  beforeEach(() => {
    answers = [];
    toasts.value = [];
    vi.stubGlobal("fetch", async (url: string) => {
      if (!url.endsWith("models/additions")) return Response.json({ models: [] });
      const now = await new Promise<Addition[]>((resolve) => answers.push(resolve));
      return Response.json({ additions: now });
    });
  });

  const told = () => toasts.value.map((each) => each.text);

  async function seen(...now: Addition[]): Promise<void> {
    const looking = refreshAdditions();
    await vi.waitFor(() => expect(answers.length).toBe(1));
    answers.shift()!(now);
    await looking;
  }

  it("is told of once when it is there, however soon that is", async () => {
    began(addition("quick", "queued"));
    await seen(addition("quick", "succeeded"));
    await seen(addition("quick", "succeeded"));
    expect(told()).toEqual(["quick was added."]);
    expect(additions.value).toEqual([]);
  });

  it("is told of though it began, and was done, while the page was looking", async () => {
    for (const known of [[], [addition("winter", "succeeded")]]) {
      toasts.value = [];
      const looking = refreshAdditions();
      await vi.waitFor(() => expect(answers.length).toBe(1));
      began(addition("winter", "running"));
      answers.shift()!(known);
      await looking;
      expect(additions.value.map((each) => each.id)).toEqual(["winter"]);
      await seen(addition("winter", "succeeded"));
      expect(told()).toEqual(["winter was added."]);
    }
  });

  it("is not told of where it was there before", async () => {
    await seen(addition("old", "succeeded"));
    expect(told()).toEqual([]);
  });
});
