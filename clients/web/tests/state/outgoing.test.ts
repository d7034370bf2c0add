import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import "../page";
import { Refused, Unreachable } from "../../src/api/errors";
import { job } from "../samples";

const { drop, outgoing, retry, sendWaiting, submit } = await import("../../src/state/live/outgoing");
const { clear, ids } = await import("../../src/state/live/jobs");
const { platform } = await import("../../src/platform");

type Answer = Response | Error;

/** What each sending is answered by, in turn; the keys that came, in order. */
let answers: Answer[];
let keys: string[];

const accepted = (id: string) => Response.json(job(id), { status: 202 });

function refused(status: number, headers: Record<string, string> = {}): Response {
  const problem = { type: "urn:x:some-code", detail: "no", errors: [{ pointer: "/steps", detail: "must be less" }] };
  return Response.json(problem, { status, headers });
}

beforeEach(() => {
  vi.useFakeTimers();
  [answers, keys] = [[], []];
  outgoing.value = [];
  clear();
  // There is no database here, as in some private windows: everything must go without.
  vi.stubGlobal("fetch", async (_url: string, init: RequestInit) => {
    keys.push(new Headers(init.headers).get("Idempotency-Key")!);
    const answer = answers.shift() ?? new TypeError("no network");
    if (answer instanceof Error) throw answer;
    return answer;
  });
});

afterEach(() => {
  platform.base.value = "";
  vi.useRealTimers();
});

describe("a request", () => {
  it("becomes a job, and is on its way no more", async () => {
    answers = [accepted("a")];
    const { problem } = await submit({ prompt: "x" });
    expect(problem).toBeNull();
    expect(outgoing.value).toEqual([]);
    expect(ids.value).toEqual(["a"]);
  });

  it("waits for the network and goes by itself, by the same key", async () => {
    const { problem } = await submit({ prompt: "x" });
    expect(problem).toBeInstanceOf(Unreachable);
    expect(outgoing.value).toHaveLength(1);
    answers = [accepted("a")];
    await vi.advanceTimersByTimeAsync(5000);
    expect(outgoing.value).toEqual([]);
    expect(new Set(keys).size).toBe(1);
    expect(keys).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(keys, "it is not sent any more").toHaveLength(2);
  });

  it("goes when the server says that it may", async () => {
    answers = [refused(429, { "Retry-After": "7" }), accepted("a")];
    await submit({ prompt: "x" });
    await vi.advanceTimersByTimeAsync(6900);
    expect(keys).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(200);
    expect(ids.value).toEqual(["a"]);
  });

  it("that is refused stays, with the reason, until the user says what then", async () => {
    answers = [refused(422), accepted("a")];
    const { key, problem } = await submit({ prompt: "x" });
    expect((problem as Refused).fields).toEqual([{ pointer: "/steps", detail: "must be less" }]);
    await vi.advanceTimersByTimeAsync(60_000);
    await sendWaiting();
    expect(keys).toHaveLength(1);
    await retry(key);
    expect(ids.value).toEqual(["a"]);
  });

  it("is not lost with an answer that breaks off", async () => {
    answers = [new Response("{ half", { status: 202 })];
    const { problem } = await submit({ prompt: "x" });
    expect(problem).toBeInstanceOf(Unreachable);
    expect(outgoing.value).toHaveLength(1);
  });

  it("is sent once, however many ask for it at the same moment", async () => {
    const { key } = await submit({ prompt: "x" });
    answers = [accepted("a"), accepted("a")];
    await Promise.all([retry(key), retry(key), sendWaiting()]);
    expect(keys).toHaveLength(2);
  });

  it("that is asked for while another is on its way goes after it", async () => {
    let letThrough: () => void = () => {};
    const slow = new Promise<void>((resolve) => (letThrough = resolve));
    const prompts: string[] = [];
    vi.stubGlobal("fetch", async (_url: string, init: RequestInit) => {
      prompts.push((JSON.parse(String(init.body)) as { prompt: string }).prompt);
      if (prompts.length === 1) await slow;
      return accepted(prompts.at(-1)!);
    });
    const both = [submit({ prompt: "a" }), submit({ prompt: "b" })];
    await vi.advanceTimersByTimeAsync(100);
    expect(prompts).toEqual(["a"]);
    letThrough();
    await Promise.all(both);
    expect(prompts).toEqual(["a", "b"]);
  });

  it("that was given up is not sent", async () => {
    const { key } = await submit({ prompt: "x" });
    drop(key);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(keys).toHaveLength(1);
    expect(outgoing.value).toEqual([]);
  });

  it("goes to the server that it was meant for, and to no other", async () => {
    await submit({ prompt: "x" });
    platform.base.value = "http://other";
    answers = [accepted("a")];
    await vi.advanceTimersByTimeAsync(5000);
    expect(keys).toHaveLength(1);
  });

  it("of a device that was let in again goes then", async () => {
    answers = [refused(401), accepted("a")];
    await submit({ prompt: "x" });
    await sendWaiting();
    expect(ids.value).toEqual(["a"]);
  });
});

describe("several requests", () => {
  it("go in the order in which they were asked for, and the rest waits with the first that cannot", async () => {
    await submit({ prompt: "1" });
    vi.advanceTimersByTime(10);
    await submit({ prompt: "2" });
    answers = [accepted("a")];
    await sendWaiting();
    expect(ids.value).toEqual(["a"]);
    expect(outgoing.value.map((each) => each.request.prompt)).toEqual(["2"]);
    expect(keys[2]).toBe(keys[0]);
  });
});
