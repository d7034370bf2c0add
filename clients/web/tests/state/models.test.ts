import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import "../page";
import { model } from "../samples";

const { differs } = await import("../../src/models/changing/differs");
const { of } = await import("../../src/models/shelf");
const { found } = await import("../../src/ui/Search");
const { sizesOf } = await import("../../src/ui/models/sizes");
const { give, send, uploads } = await import("../../src/models/adding/upload");
const { bytes } = await import("../../src/i18n");

describe("what was edited", () => {
  const was = { title: "Ink", steps: "20", guidance_scale: "7.5", triggers: "ink style" };

  it("is sent as far as it differs", () => {
    expect(differs(was, was)).toEqual({});
    expect(differs(was, { ...was, steps: "8", title: "Inks " })).toEqual({ steps: 8, title: "Inks" });
  });

  it("is what the files say again where it was emptied", () => {
    expect(differs(was, { ...was, title: " ", guidance_scale: "" })).toEqual({ title: null, guidance_scale: null });
  });

  it("is a list where several words may be", () => {
    expect(differs(was, { ...was, triggers: "ink, , wet ink" })).toEqual({ triggers: ["ink", "wet ink"] });
  });
});

describe("the shelf", () => {
  const lora = (name: string) => ({
    name,
    title: "",
    description: "",
    licence: "",
    triggers: [],
    control_types: [],
    task: "",
    family: "sd1",
    bytes: 1,
    preview_url: null,
  });

  it("has each add-on once, with the models that it fits", () => {
    const all = [model({ name: "a", loras: [lora("rain"), lora("ink")] }), model({ name: "b", loras: [lora("ink")] })];
    const shelf = of("loras", all).map((each) => [each.name, each.models.map(({ name }) => name)]);
    expect(shelf).toEqual([
      ["ink", ["a", "b"]],
      ["rain", ["a"]],
    ]);
  });

  it("is searched by every word, wherever it stands", () => {
    expect(found("xl dream", "Dreamshaper", "Stable Diffusion XL")).toBe(true);
    expect(found("xl dream", "Dreamshaper", "Stable Diffusion 1")).toBe(false);
    expect(found("", "anything")).toBe(true);
  });

  it("writes sizes of models and of files as people do", () => {
    expect(sizesOf(model({ sizes: ["512x512", "512x768", "768x512", "64x64"] }))).toBe(
      "\u2066512\u00a0×\u00a0512\u2069, \u2066512\u00a0×\u00a0768\u2069, \u2066768\u00a0×\u00a0512\u2069 …",
    );
    expect(sizesOf(model())).toBe("\u2066128\u00a0×\u00a0128\u2069");
    expect([bytes(336), bytes(6_543), bytes(2_130_000_000)]).toEqual(["336\u00a0bytes", "7\u00a0kB", "2.1\u00a0GB"]);
  });
});

describe("a file on its way", () => {
  const PIECE = 4 << 20;
  /** The server, as far as tus says: what it has, and which requests it loses. */
  let here: number;
  let lost: number[];
  let asked: string[];

  beforeEach(() => {
    vi.useFakeTimers();
    [here, lost, asked] = [0, [], []];
    uploads.value = [];
    vi.stubGlobal("fetch", async (url: string, { method, headers, body }: RequestInit) => {
      const path = url.replace("/api/v1/models/", "");
      const from = new Headers(headers).get("Upload-Offset");
      asked.push(from === null ? `${method} ${path}` : `${method} ${path} ${Number(from) / PIECE}`);
      if (lost.includes(asked.length)) throw new TypeError("no network");
      if (method === "PATCH") here += (body as Blob).size;
      if (path === "lookups") return Response.json({ name: "x", usable: true });
      const status = method === "POST" ? 201 : 204;
      return new Response(null, { status, headers: { "Upload-Offset": String(here), Location: "/a/b/u1" } });
    });
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  const file = () => new File([new Uint8Array(2 * PIECE + 5)], "x.safetensors");
  const only = () => uploads.value[0]!;

  it("comes in pieces, and is looked at when it is all there", async () => {
    send([file()]);
    await vi.waitFor(() => expect(only().state).toBe("found"));
    expect(asked).toEqual([
      "POST uploads",
      "HEAD uploads/u1",
      "PATCH uploads/u1 0",
      // Its header is there: whether the rest is worth sending.
      "POST lookups",
      "PATCH uploads/u1 1",
      "PATCH uploads/u1 2",
      "POST lookups",
    ]);
    expect(only().sent).toBe(2 * PIECE + 5);
  });

  it("goes on where it was when the network comes back", async () => {
    lost = [5, 6];
    send([file()]);
    await vi.waitFor(() => expect(only().state).toBe("lost"));
    await vi.advanceTimersByTimeAsync(5000);
    await vi.waitFor(() => expect(only().state).toBe("found"));
    expect(asked.slice(4)).toEqual([
      "PATCH uploads/u1 1",
      "HEAD uploads/u1",
      "HEAD uploads/u1",
      "POST lookups",
      "PATCH uploads/u1 1",
      "PATCH uploads/u1 2",
      "POST lookups",
    ]);
  });

  it("is dropped on the server when it is given up", async () => {
    send([file()]);
    await vi.waitFor(() => expect(only().state).toBe("found"));
    give(only().key);
    expect(uploads.value).toEqual([]);
    await vi.waitFor(() => expect(asked.at(-1)).toBe("DELETE uploads/u1"));
  });
});
