import { describe, expect, it } from "vitest";
import "../page";
import { model, sampler, schedule } from "../samples";
import schema from "../../../../docs/openapi.json";
import type { Input } from "../../src/state/form/input";

const { EMPTY, files, fill, draft, inPixels, request, reset } = await import("../../src/state/form/draft");
const { BESIDE } = await import("../../src/state/form/beside");
const { sizeOf } = await import("../../src/state/form/sizes");
const { NO_EDGES, STRENGTH } = await import("../../src/state/form/input");
const { asDrafted, fit, ratioOf, RATIOS, sized } = await import("../../src/state/form/sizes");
const { differences, samplersOf, schedulesOf } = await import("../../src/make/settings/choices");
const { mostTimes, ownUpscaler, timesChosen, timesOf } = await import("../../src/state/form/enlarge");
const { addWord, says, withModel } = await import("../../src/state/form/choose");

const picture = new Blob(["p"], { type: "image/png" });
const start = {
  use: "image-to-image" as const,
  picture,
  url: "blob:x",
  width: 640,
  height: 480,
  more: [],
  mask: new Blob(["m"]),
  invert: true,
  feather: 9,
  grey: null,
  expand: { ...NO_EDGES, left: 32 },
};

describe("a request", () => {
  it("says only what the user chose", () => {
    expect(request({ ...EMPTY, prompt: " red apple, 3d " }, null)).toEqual({
      kind: "text-to-image",
      prompt: "red apple, 3d",
      negative_prompt: "",
      schedule: "automatic",
      count: 1,
    });
  });

  it("is a walk where one was chosen, as long as the form says", () => {
    const asked = request({ ...EMPTY, prompt: "apple", count: 5, walk: { over: "prompts", prompt: "pear" } }, null);
    expect(asked).toMatchObject({ kind: "walk", walk: { over: "prompts", prompt: "pear", frames: 5 } });
    expect(asked).not.toHaveProperty("count");
    const word = request({ ...EMPTY, prompt: "red apple", walk: { over: "words" } }, null);
    expect(word.walk).toEqual({ over: "words" });
    expect(request({ ...EMPTY, walk: { over: "words" } }, start).kind).toBe("image-to-image");
  });

  it("says all that the user chose", () => {
    const chosen = {
      ...EMPTY,
      prompt: "cat",
      model: "sd",
      width: 640,
      height: 480,
      steps: 7,
      guidance: 0,
      sampler: "euler",
      seed: 0,
      vae: "clear",
      loras: [{ name: "ink", weight: 0.5 }],
    };
    expect(request(chosen, null)).toMatchObject({
      model: "sd",
      width: 640,
      height: 480,
      steps: 7,
      guidance_scale: 0,
      sampler: "euler",
      seed: 0,
      vae: "clear",
      loras: [{ name: "ink", weight: 0.5 }],
    });
  });

  it("takes its size from the picture that it starts from, and sends the file beside it", () => {
    const asked = request({ ...EMPTY, prompt: "x", width: 64, height: 64 }, start);
    expect(asked).not.toHaveProperty("width");
    expect(asked).not.toHaveProperty("image");
    expect(asked.strength).toBe(STRENGTH["image-to-image"]);
    expect(files(start)).toEqual({ image: picture });
  });

  it("names a picture that the server has by its id", () => {
    const here = { ...start, picture: "job-0" };
    expect(request(EMPTY, here).image).toBe("job-0");
    expect(files(here)).toEqual({});
  });

  it("has the mask only where it is painted, and the edges only where they are drawn", () => {
    const painted = { ...start, use: "inpaint" as const };
    expect(request(EMPTY, painted)).toMatchObject({ mask_invert: true, mask_blur: 9, strength: 1 });
    expect(request(EMPTY, painted)).not.toHaveProperty("expand");
    expect(files(painted)).toEqual({ image: picture, mask: start.mask });
    expect(request(EMPTY, { ...start, use: "outpaint" })).toMatchObject({ expand: { left: 32 } });
    expect(request(EMPTY, { ...start, use: "upscale" })).toMatchObject({ strength: 0, scale: 2, upscaler: "lanczos" });
  });

  it("works on the painted part alone where the picture is larger than the model", () => {
    const photograph = { ...start, use: "inpaint" as const, width: 2048, height: 1536 };
    expect(request(EMPTY, photograph, model({ width: 512, height: 512 }))).toMatchObject({ inpaint_area: "masked", mask_padding: 128 });
    const small = { ...photograph, width: 512, height: 640 };
    expect(request(EMPTY, small, model({ width: 512, height: 512 }))).not.toHaveProperty("inpaint_area");
    expect(request(EMPTY, { ...photograph, use: "image-to-image" }, model())).not.toHaveProperty("inpaint_area");
  });

  it("puts what is painted back into the photograph as it was taken", () => {
    const taken = new Blob(["photograph"]);
    const photograph = { ...start, use: "inpaint" as const, width: 2048, height: 1536, full: { width: 4096, height: 3072 }, original: taken };
    const small = model({ width: 512, height: 512 });
    expect(request(EMPTY, photograph, small)).toMatchObject({ inpaint_area: "masked", mask_padding: 256, mask_blur: 18 });
    expect(files(photograph, undefined, small).image).toBe(taken);
    expect(inPixels(photograph, small)).toEqual({ width: 4096, height: 3072 });
    expect(files({ ...photograph, use: "outpaint" }, undefined, small).image).toBe(picture);
    const canvas = { id: "canvas", x: 0, y: 0 };
    expect(files({ ...photograph, canvas }, undefined, small).image).toBe(picture);
  });

  it("says how large its picture will be before the server does", () => {
    const said = (some: Partial<Input>, from = EMPTY) => {
      const source = { ...start, width: 400, height: 300, ...some };
      return sizeOf(request(from, source, model()), inPixels(source, model(), from), model());
    };
    expect(said({ use: "inpaint" })).toEqual({ width: 400, height: 300 });
    // The shape of the picture, about as many pixels as the model draws.
    for (const use of ["image-to-image", "variations", "edit"] as const) expect(said({ use })).toEqual(sized([4, 3], model()));
    expect(said({ use: "upscale" })).toEqual({ width: 800, height: 600 });
    expect(said({ use: "outpaint", expand: { left: 32, right: 0, top: 8, bottom: 0 } })).toEqual({ width: 432, height: 308 });
    expect(sizeOf(request({ ...EMPTY, width: 64, hires: 2 }, null), null, model())).toEqual({ width: 128, height: 256 });
  });

  it("enlarges the photograph as it was taken, and a smaller one where something is painted anew", () => {
    const taken = new Blob(["photograph"]);
    const photograph = { ...start, use: "upscale" as const, width: 2048, height: 1536, full: { width: 4000, height: 3000 }, original: taken };
    expect(request(EMPTY, photograph, model())).toMatchObject({ strength: 0, scale: 1.67 });
    expect(files(photograph, undefined, model()).image).toBe(taken);
    expect(inPixels(photograph, model())).toEqual({ width: 4000, height: 3000 });
    const painted = { ...EMPTY, strength: 0.35 };
    expect(files(photograph, undefined, model(), painted).image).toBe(picture);
    expect(inPixels(photograph, model(), painted)).toEqual({ width: 2048, height: 1536 });
  });

  it("calls what is only enlarged by what it shows, not by what is typed", () => {
    const from = { ...EMPTY, prompt: "blue banana", negative: "red", styles: ["oil"] };
    const enlarged = { ...start, use: "upscale" as const, words: "a green apple" };
    expect(request(from, enlarged, model())).toMatchObject({ prompt: "a green apple", negative_prompt: "" });
    expect(request(from, enlarged, model())).not.toHaveProperty("styles");
    expect(request(from, { ...start, use: "upscale" as const }, model())).toMatchObject({ prompt: "" });
    expect(request({ ...from, strength: 0.3 }, enlarged, model())).toMatchObject({ prompt: "blue banana" });
  });

  it("has the other pictures of an edit, files beside it at their places, and no strength", () => {
    const shown = { url: "blob:y", width: 64, height: 64 };
    const more = [{ ...shown, picture: "job-1" }, { ...shown, picture }];
    const edit = { ...start, use: "edit" as const, more };
    const asked = request({ ...EMPTY, prompt: "make it green", strength: 0.3 }, edit);
    expect(asked).toMatchObject({ kind: "edit", references: ["job-1", "file"] });
    expect(asked).not.toHaveProperty("strength");
    expect(files(edit)).toEqual({ image: picture, reference_1: picture });
  });
});

describe("the draft", () => {
  it("takes over a recipe, and keeps its seed", () => {
    fill({ prompt: "sun", seed: 5, steps: 9, guidance_scale: 3, count: 2, width: 64, height: 96, strength: 1 });
    expect(draft.value).toMatchObject({ prompt: "sun", seed: 5, seedLocked: true, steps: 9, count: 2, width: 64 });
    expect(draft.value.strength, "a strength without a picture would forget the next picture").toBeNull();
  });

  it("takes along what a recipe asks for that it has no field for", () => {
    const steered = { freeu: { b1: 1.3, b2: 1.4, s1: 0.9, s2: 0.2 }, pag_scale: 2, blend_prompt: "boat", blend: 0.3 };
    const second = { scale: 2, steps: 5, strength: 0.4, upscaler: "sharp" };
    fill({ prompt: "sun", ...steered, hires: second });
    expect(request(draft.value, null)).toMatchObject({ ...steered, hires: second });
    // They are of the words; a second pass is only of what begins without a picture.
    expect(request(draft.value, start)).toMatchObject(steered);
    expect(request(draft.value, start)).not.toHaveProperty("hires");
    reset();
    expect(request(draft.value, null)).not.toHaveProperty("freeu");
  });

  it("has a place for every field that the server takes of a picture, or a reason why not", () => {
    const form = "prompt negative_prompt styles model width height steps guidance_scale sampler schedule seed count vae loras strength walk scale upscaler hires variation_strength variation_seed clip_skip tiling restore_faces regions";
    const pictures = "kind image mask references controls ip_adapters reference_only expand mask_blur mask_invert mask_grey mask_padding inpaint_area";
    const became = "wordings drawn";
    const sending = "preview_interval trace priority metadata webhook";
    const placed = [form, pictures, became, sending].join(" ").split(" ").concat(BESIDE);
    expect(Object.keys(schema.components.schemas.GenerationRequest.properties).sort()).toEqual(placed.sort());
  });

  it("asks for nothing that a job of the server's says and nobody asked for", () => {
    const unasked = { guidance_rescale: 0, true_cfg_scale: 1, as_written: false, blend: 0, freeu: null, pag_scale: 0, cfg_plus_plus: false, exact: false, resize: "crop", fill: "original" } as const;
    const alone = { scale: 2, strength: 0, upscaler: "lanczos", steps: null, prompt: null, negative_prompt: null };
    fill({ prompt: "sun", ...unasked, hires: alone }, model({ sizes: ["128x128"] }));
    expect(draft.value.beside).toEqual({});
    expect(request(draft.value, null).hires).toEqual({ scale: 2 });
    fill({ prompt: "sun", hires: alone }, model());
    expect(draft.value.beside, "a model that could paint it again was told not to").toEqual({ hires: { strength: 0 } });
  });

  it("keeps what was typed when everything else goes back", () => {
    fill({ prompt: "sun", negative_prompt: "clouds", steps: 9 });
    reset();
    expect(draft.value).toEqual({ ...EMPTY, prompt: "sun", negative: "clouds" });
  });
});

describe("sizes", () => {
  it.each(RATIOS)("%i:%i is a size that the model takes, and about its area", (across, down) => {
    for (const each of [model(), model({ width: 512, height: 512, factor: 64 }), model({ width: 1024, height: 768 })]) {
      const { width, height } = sized([across, down], each);
      expect([width % each.factor, height % each.factor]).toEqual([0, 0]);
      expect(Math.abs((width * height) / (each.width * each.height) - 1)).toBeLessThan(0.3);
      expect(ratioOf({ width, height }, each)).not.toBeNull();
    }
  });

  it("are those that people know of a model of 512 pixels", () => {
    const sd = model({ width: 512, height: 512, factor: 8 });
    expect(sized([1, 1], sd)).toEqual({ width: 512, height: 512 });
    expect(sized([16, 9], sd)).toEqual({ width: 680, height: 384 });
    expect(sized([2, 3], sd)).toEqual({ width: 416, height: 624 });
  });

  it("stay within the server's limits", () => {
    const limits = { ...model().limits, max_width: 640, max_height: 480, max_pixels: 200_000 };
    for (const ratio of RATIOS) {
      const { width, height } = sized(ratio, model({ width: 1024, height: 1024, factor: 64, limits }));
      expect(width).toBeLessThanOrEqual(640);
      expect(height).toBeLessThanOrEqual(480);
      expect(width * height).toBeLessThanOrEqual(200_000);
    }
  });

  it("are rounded to what the model takes", () => {
    expect(fit(100, model({ factor: 8 }), 2048)).toBe(104);
    expect(fit(1, model({ factor: 8 }), 2048)).toBe(8);
    expect(fit(99_999, model({ factor: 64 }), 2000)).toBe(1984);
  });

  it("are left to the model where they are its own", () => {
    expect(asDrafted({ width: 128, height: 128 }, model())).toEqual({ width: null, height: null });
  });
});

describe("enlarging", () => {
  const limited = (some: Partial<ReturnType<typeof model>["limits"]> = {}) => model({ limits: { ...model().limits, ...some } });

  it("is offered as far as the server's limits go, the largest included", () => {
    expect(timesOf({ width: 512, height: 512 }, limited(), true)).toEqual([1.5, 2, 3, 4]);
    expect(timesOf({ width: 1600, height: 1200 }, limited(), true)).toEqual([1.28]);
    expect(timesOf({ width: 2048, height: 1536 }, limited(), true)).toEqual([]);
    expect(timesOf({ width: 100, height: 100 }, limited({ max_pixels: 90_000 }), true)).toEqual([1.5, 2, 3]);
  });

  it("goes further where nothing is painted anew: a changed photograph can still grow", () => {
    expect(timesOf({ width: 2048, height: 1536 }, limited(), false)).toEqual([1.5, 2, 3, 3.26]);
    // What phones make at 8 and at 12 megapixels.
    expect(timesChosen(null, { width: 3264, height: 2448 }, limited(), false)).toBe(2);
    expect(timesOf({ width: 4032, height: 3024 }, limited(), false)).toEqual([1.5, 1.65]);
    expect(timesOf({ width: 6652, height: 4989 }, limited(), false)).toEqual([]);
    expect(timesChosen(4.18, { width: 1600, height: 1200 }, limited(), false)).toBe(4.18);
    expect(timesChosen(2.56, { width: 128, height: 128 }, limited(), false)).toBe(2);
  });

  it("never asks for more than fits, whatever was chosen before", () => {
    for (const [width, height] of [[1365, 1023], [999, 2047], [700, 701]] as const) {
      const times = mostTimes({ width, height }, limited(), true);
      expect(Math.round(width * times)).toBeLessThanOrEqual(2048);
      expect(Math.round(height * times)).toBeLessThanOrEqual(2048);
      expect(timesChosen(8, { width, height }, limited(), true)).toBe(times);
    }
  });

  it("takes the model's own upscaler, and else none that paints", () => {
    const add = { name: "sharp" } as ReturnType<typeof model>["upscalers"][number];
    expect(ownUpscaler(model({ upscalers: [add] }))).toBe("sharp");
    expect(ownUpscaler(model({ upscalers: [add], batched: false }))).toBe("lanczos");
    expect(ownUpscaler(null)).toBe("lanczos");
  });
});

describe("choices", () => {
  it("follow the model: its defaults, in the shape that was chosen, with the styles it knows", () => {
    const next = model({ name: "sd", default: false, width: 512, height: 512, loras: [{ name: "ink", title: "", description: "", licence: "", triggers: [], control_types: [], task: "", family: "", bytes: 0, preview_url: null }] });
    const from = {
      ...EMPTY,
      ...sized([16, 9], model()),
      steps: 3,
      sampler: "euler",
      loras: [
        { name: "ink", weight: 1 },
        { name: "gone", weight: 1 },
      ],
    };
    expect(withModel(from, model(), next)).toEqual({
      model: "sd",
      width: 680,
      height: 384,
      steps: null,
      guidance: null,
      sampler: null,
      schedule: "automatic",
      tiling: "none",
      vae: null,
      loras: [{ name: "ink", weight: 1 }],
    });
  });

  it("are only what the model and its sampler take", () => {
    const all = [sampler("euler", ["automatic", "karras"]), sampler("ddim", ["automatic"])];
    const schedules = [schedule("automatic"), schedule("karras"), schedule("beta")];
    expect(samplersOf(model({ samplers: ["ddim"] }), all).map((each) => each.name)).toEqual(["ddim"]);
    expect(schedulesOf(null, "euler", all, schedules).map((each) => each.name)).toEqual(["automatic", "karras"]);
    expect(schedulesOf(null, "none", all, schedules)).toEqual([]);
    const flow = model({ schedules: ["automatic"] });
    expect(schedulesOf(flow, "euler", all, schedules).map((each) => each.name)).toEqual(["automatic"]);
  });

  it("are told where they differ from the defaults, and nowhere else", () => {
    expect(differences({ ...EMPTY, prompt: "cat" }, model(), [], [])).toEqual([]);
    const chosen = { ...EMPTY, width: 168, steps: 8, seed: 4_000_000_000, count: 3, negative: "hands" };
    expect(differences(chosen, model(), [], [])).toEqual([
      "\u2066168\u00a0×\u00a0128\u2069",
      "8 steps",
      "seed 4000000000",
      "3 pictures",
      "without hands",
    ]);
  });
});

describe("a word that a tap adds", () => {
  it("comes after a comma, and only one", () => {
    expect(addWord("", "ink style")).toBe("ink style");
    expect(addWord("a cat", "ink style")).toBe("a cat, ink style");
    expect(addWord("a cat, ", "ink style")).toBe("a cat, ink style");
  });

  it("is known in whatever case it stands there", () => {
    expect(says("A cat, Ink Style", "ink style")).toBe(true);
    expect(says("a cat", "ink style")).toBe(false);
  });
});
