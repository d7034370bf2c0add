import { describe, expect, it } from "vitest";
import "../page";
import { model, written } from "../samples";

const { EMPTY, draft, files, fill, request, reset } = await import("../../src/state/form/draft");
const { among, besideIt, fitting, following, guidesOf, liking, looking, NONE, preprocessors, usual } = await import("../../src/state/form/guides");
const { blocksOf, sharedWeight, weighed, weightOf } = await import("../../src/state/form/blocks");
const { between, inside, moved, nextBox, resized } = await import("../../src/state/form/places");
const { read } = await import("../../src/state/form/preset");
const { chooseModel } = await import("../../src/state/form/choose");
const { models } = await import("../../src/state/form/models");
const { guides } = await import("../../src/state/form/guides");
const { differences } = await import("../../src/make/settings/choices");

preprocessors.value = ["none", "canny", "lineart", "scribble"];

const add = (name: string) => ({ name, title: "", description: "", licence: "", triggers: [], control_types: [], task: "", family: "", bytes: 0, preview_url: null });
const file = new Blob(["p"], { type: "image/png" });
const own = { picture: file, url: "blob:x", width: 64, height: 64 };
const known = { picture: "job-0", url: "/job-0", width: 64, height: 64 };
const steered = { follow: [following(own, add("sd-canny")), following(known, add("depth"))], like: [{ ...liking(known, add("plus")), pictures: [known, own] }], looked: looking(own) };

describe("pictures that steer", () => {
  it("are followed in the way that the net's name asks for", () => {
    expect(usual(add("control_v11p_sd15_canny"))).toBe("canny");
    expect(usual({ name: "x", title: "Scribble" })).toBe("scribble");
    expect(usual(add("depth"))).toBe("none");
  });

  it("are fields of the request, and the files stand beside it at their places", () => {
    expect(request(EMPTY, null, model(), steered)).toMatchObject({
      controls: [
        { image: "file", model: "sd-canny", preprocessor: "canny", weight: 1, start: 0, end: 1 },
        { image: "job-0", model: "depth", preprocessor: "none" },
      ],
      ip_adapters: [{ images: ["job-0", "file"], model: "plus", weight: 1 }],
      reference_only: { image: "file", weight: 1, style_fidelity: 0.5, start: 0, end: 1 },
    });
    expect(files(null, steered)).toEqual({ control_0: file, ip_adapter_0_1: file, reference_only: file });
    expect(differences(EMPTY, model(), [], [], steered)).toEqual(["pictures followed: 2", "pictures to be like: 3"]);
    expect(request(EMPTY, null, model(), NONE)).not.toHaveProperty("controls");
    expect(request(EMPTY, null, model(), NONE)).not.toHaveProperty("ip_adapters");
  });

  it("come back from a job with all that was said of them, but for those that are gone", async () => {
    const asked = request(EMPTY, null, model(), steered);
    asked.controls![1]!.mask = "job-9";
    const named = { pointer: "/controls/1/image", id: "job-0", url: "/job-0" };
    const back = await guidesOf(asked, among([named], async ({ id }) => ({ ...known, picture: id })));
    expect(back).toEqual({ follow: [{ picture: known, how: { ...steered.follow[1]!.how, mask: "job-9" } }], like: [], looked: null });
  });

  it("come back from a request that never got there, with their files", async () => {
    const asked = request(EMPTY, null, model(), steered);
    const back = await guidesOf(asked, besideIt(files(null, steered), async (picture) => ({ ...own, picture })));
    expect(back.follow.map(({ picture }) => picture.picture)).toEqual([file, "job-0"]);
    expect(back.like[0]!.pictures.map(({ picture }) => picture)).toEqual(["job-0", file]);
    expect(back.looked).toEqual(looking(own));
  });

  it("stay with another model as far as it has the nets for them", () => {
    const next = model({ name: "next", default: false, controlnets: [add("depth")] });
    expect(fitting(steered, next)).toEqual({ follow: [steered.follow[1]], like: [], looked: null });
    expect(fitting(steered, model({ kinds: ["text-to-image", "image-to-image"] })).looked).toBe(steered.looked);
    models.value = [model(), next];
    guides.value = steered;
    chooseModel("next");
    expect(guides.value.follow).toEqual([steered.follow[1]]);
  });
});

describe("LoRAs by block", () => {
  const ink = { name: "ink", weight: 0.8 };

  it("have the weights of a whole part or of one block, and none where all are 1", () => {
    const { up, middle } = blocksOf(model());
    const half = weighed(ink, up, 0.5);
    expect(half.block_weights).toMatchObject({ OUT03: 0.5, OUT11: 0.5 });
    expect(sharedWeight(half, up)).toBe(0.5);
    const one = weighed(half, ["OUT04"], 1);
    expect(sharedWeight(one, up)).toBeNull();
    expect(weightOf(one, "OUT04")).toBe(1);
    expect(weighed(weighed(half, middle, 0), [...up, ...middle], 1)).toEqual(ink);
    expect(blocksOf(model({ family: "sdxl" })).up[0]).toBe("OUT00");
  });

  it("go with the request and come back from it, and the chips say so", () => {
    const asked = request({ ...EMPTY, loras: [weighed(ink, ["MID"], 0)], faces: 0.8, restorer: "gfpgan" }, null);
    expect(asked).toMatchObject({ loras: [{ ...ink, block_weights: { MID: 0 } }], restore_faces: { strength: 0.8, model: "gfpgan" } });
    fill(asked);
    expect(differences(draft.value, model(), [], [])).toEqual(["faces restored 80 %", "ink 0.8", "LoRAs by block: 1"]);
    expect(request(draft.value, null)).toMatchObject({ loras: asked.loras, restore_faces: asked.restore_faces });
    reset();
    expect(request(draft.value, null)).not.toHaveProperty("restore_faces");
  });
});

describe("places", () => {
  const place = { prompt: " red apple ", box: { left: 0, top: 0, width: 0.5, height: 1 }, mask: null, weight: 0.8 };

  it("are regions of the request, come back from it, and go with what is reset", () => {
    const asked = request({ ...EMPTY, regions: [place], tiling: "x" }, null);
    expect(asked).toMatchObject({ regions: [{ prompt: "red apple", box: place.box, weight: 0.8 }], tiling: "x" });
    expect(request(EMPTY, null)).not.toHaveProperty("regions");
    expect(request(EMPTY, null)).not.toHaveProperty("tiling");
    fill(asked);
    expect(draft.value).toMatchObject({ regions: [{ ...place, prompt: "red apple" }], tiling: "x" });
    expect(differences(draft.value, model(), [], [])).toEqual(["left and right", "places: 1"]);
    reset();
    expect(draft.value).toEqual(EMPTY);
  });

  it("that were painted as a mask keep it", () => {
    fill({ regions: [{ prompt: "sky", mask: "job-3", box: null, weight: 1 }] });
    expect(request(draft.value, null).regions).toEqual([{ prompt: "sky", mask: "job-3", weight: 1 }]);
    reset();
  });

  it("are carried by links, unless a picture says where they are", () => {
    const regions = [{ prompt: "sky", box: place.box, weight: 1 }];
    expect(read(written({ regions, tiling: "both" }))).toEqual({ regions, tiling: "both" });
    const bad = [{ prompt: "sky", box: { left: "0" } }, { prompt: "sky", box: {}, weight: "1" }, { prompt: "sky", box: 1 }];
    for (const each of bad) expect(read(written({ regions: [each] as never, tiling: "up" as never }))).toBeNull();
    fill({ regions: [{ prompt: "sky", box: {} }] as never });
    expect(draft.value.regions).toEqual([{ prompt: "sky", box: { left: 0, top: 0, width: 1, height: 1 }, mask: null, weight: 1 }]);
    reset();
    expect(read(written({ regions: [{ prompt: "sky", mask: "job-3", weight: 1 }] }))).toBeNull();
  });

  it("never end beyond the picture's edges, however they are drawn, moved or made larger", () => {
    expect(between({ x: 0.9, y: 0.2 }, { x: 1.4, y: -3 })).toEqual({ left: 0.9, top: 0, width: 0.1, height: 0.2 });
    const box = { left: 0.3, top: 0.3, width: 0.4, height: 0.4 };
    expect(moved(box, 5, -5)).toEqual({ ...box, left: 0.6, top: 0 });
    expect(resized(box, 5, -5)).toEqual({ ...box, width: 0.7, height: 0.05 });
    expect(inside({ left: 0.99, top: 2, width: 0, height: 9 })).toEqual({ left: 0.95, top: 0, width: 0.05, height: 1 });
    for (let count = 0; count < 8; count++) expect(inside(nextBox(Array(count).fill(place)))).toEqual(nextBox(Array(count).fill(place)));
  });
});
