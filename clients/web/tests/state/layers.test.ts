import { describe, expect, it } from "vitest";
import "../page";
import type { Job } from "../../src/api/types";

const { canvases, choose, learn, marked, spotOf, spotOfJob, throwAway } = await import("../../src/state/form/layers");

const start = { picture: new Blob(["start"]), url: "blob:start", width: 64, height: 64 };

/** A job that made these pictures of a step. */
function made(metadata: Record<string, unknown>, ...ids: string[]): Job {
  const input = { kind: "outpaint", expand: { right: 32 }, metadata };
  const outputs = ids.map((id) => ({ id, url: `/${id}`, width: 96, height: 64 }));
  return { status: "succeeded", input, outputs } as unknown as Job;
}

describe("a canvas", () => {
  it("has one layer of a step, with the take that was chosen", () => {
    const spot = spotOf(start);
    const layers = () => canvases.peek().get(spot.id)!.layers;
    const first = made(marked(spot), "a-0", "a-1");
    expect(learn(first)).toBe(true);
    expect(learn(first)).toBe(false);
    expect(layers().map(({ image, takes }) => [image, takes?.length])).toEqual([["", undefined], ["a-0", 2]]);
    learn(made(marked(spot), "b-0"));
    expect(layers().map(({ image, takes }) => [image, takes?.length])).toEqual([["", undefined], ["b-0", 3]]);
    choose(spot.id, "a-1");
    expect(layers()[1]).toMatchObject({ image: "a-1", hidden: false, x: 0, width: 96 });
    const next = spotOfJob(first, "a-1")!;
    learn(made(marked(next), "c-0"));
    expect(layers()).toHaveLength(3);
    learn(made(marked(spot), "d-0"));
    expect(layers()[1], "a step stands on it").toMatchObject({ image: "a-1" });
    throwAway(spot.id, "a-1");
    expect(layers().map(({ image }) => image)).toEqual(["", "c-0"]);
    expect(learn(first)).toBe(false);
  });
});
