import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import "../page";
import { Refused } from "../../src/api/errors";
import type { Job } from "../../src/api/types";
import { job, output } from "../samples";

const jobs = await import("../../src/state/live/jobs");
const { Pace } = await import("../../src/jobs/pace");
const { failure, waiting, working } = await import("../../src/jobs/sentence");

/** What the server answers, by path and query. */
let answers: (path: string) => unknown;

beforeEach(() => {
  jobs.clear();
  vi.stubGlobal("fetch", async (url: string) => {
    const answer = answers(url);
    if (answer instanceof Refused) return new Response("{}", { status: answer.status });
    return Response.json(answer);
  });
});

afterEach(() => vi.useRealTimers());

const status = (id: string) => jobs.find(id)?.job.value.status;
const progress = (step: number) => ({ step, steps: 20, fraction: step / 20, stage: "denoising" as const, detail: null });

describe("a job", () => {
  it("goes from waiting to done by its events", () => {
    jobs.merge([job("a")]);
    jobs.apply({ event: "status", job: "a", status: "running" });
    jobs.apply({ event: "progress", job: "a", progress: progress(3) });
    jobs.apply({ event: "preview", job: "a", index: 0, image: "data:,1" });
    expect(jobs.find("a")).toMatchObject({ job: { value: { status: "running", queue_position: null } } });
    expect(jobs.find("a")!.previews.value).toEqual(["data:,1"]);
    jobs.apply({ event: "output", job: "a", output: output("a-0") });
    jobs.apply({ event: "output", job: "a", output: output("a-0") });
    expect(jobs.find("a")!.job.value.outputs).toHaveLength(1);
    const result = job("a", { status: "succeeded", outputs: [output("a-0")] });
    jobs.apply({ event: "done", job: "a", status: "succeeded", error: null, result });
    expect(status("a")).toBe("succeeded");
    expect(jobs.find("a")!.previews.value).toEqual([]);
  });

  it("stays ended whatever straggles in", () => {
    jobs.merge([job("a", { status: "canceled" })]);
    jobs.apply({ event: "status", job: "a", status: "running" });
    jobs.apply({ event: "progress", job: "a", progress: progress(4) });
    jobs.apply({ event: "preview", job: "a", index: 0, image: "data:,late" });
    jobs.merge([job("a", { status: "running" })]);
    expect(status("a")).toBe("canceled");
    expect(jobs.find("a")!.previews.value).toEqual([]);
  });

  it("takes in how long it takes yet from an answer that is older than its last event", () => {
    jobs.merge([job("a", { status: "running", eta_s: 60 })]);
    const asked = performance.now() - 1;
    jobs.apply({ event: "progress", job: "a", progress: progress(3) });
    jobs.merge([job("a", { status: "running", eta_s: 20, progress: progress(2) })], asked);
    const live = jobs.find("a")!;
    expect(live.job.value.progress?.step).toBe(3);
    expect(jobs.leftOf(live, live.told + 5000)).toBeCloseTo(15);
    // What takes longer than was said has no time.
    expect(jobs.leftOf(live, live.told + 21_000)).toBeNull();
  });

  it("begins anew when its worker died", () => {
    jobs.merge([job("a", { status: "running", progress: progress(9) })]);
    jobs.apply({ event: "status", job: "a", status: "queued" });
    expect(jobs.find("a")!.job.value).toMatchObject({ status: "queued", progress: null });
  });

  it("tells of its end once, whether an event or an answer brought it", () => {
    const told: string[] = [];
    const end = jobs.onDone((each) => told.push(each.id));
    const result = job("a", { status: "succeeded" });
    jobs.merge([job("a")]);
    jobs.merge([result]);
    jobs.apply({ event: "done", job: "a", status: "succeeded", error: null, result });
    // One that had ended before this page knew of it is no news.
    jobs.merge([job("b", { status: "succeeded" })]);
    expect(told).toEqual(["a"]);
    end();
  });

  it("of another device is asked for", () => {
    expect(jobs.apply({ event: "status", job: "z", status: "queued" })).toBe(true);
    expect(jobs.apply({ event: "progress", job: "z", progress: progress(1) })).toBe(false);
  });

  it("of another device is told of though it ended before it was read", () => {
    const told: string[] = [];
    const end = jobs.onDone((each) => told.push(each.id));
    jobs.apply({ event: "status", job: "z", status: "queued" });
    jobs.merge([job("z", { status: "succeeded" })]);
    const result = job("y", { status: "succeeded" });
    jobs.apply({ event: "done", job: "y", status: "succeeded", error: null, result });
    expect(told).toEqual(["z", "y"]);
    end();
  });

  it("that ended while the page slept comes with its end", () => {
    const result = job("n", { status: "succeeded" });
    jobs.apply({ event: "done", job: "n", status: "succeeded", error: null, result });
    expect(jobs.ids.value).toEqual(["n"]);
  });

  it("that was deleted is forgotten", () => {
    jobs.merge([job("a")]);
    jobs.apply({ event: "done", job: "a", status: "canceled", error: null, result: null });
    expect(jobs.ids.value).toEqual([]);
    expect(jobs.find("a")).toBeUndefined();
  });

  it("that is hidden stays hidden through news of it, and comes back", () => {
    jobs.merge([job("a"), job("b")]);
    jobs.hide("a", true);
    jobs.merge([job("a", { status: "running" })]);
    expect(jobs.ids.value).toEqual(["b"]);
    jobs.hide("a", false);
    expect(jobs.ids.value).toEqual(["b", "a"]);
  });
});

describe("after a lost connection", () => {
  it("an answer that an event overtook changes nothing", async () => {
    jobs.merge([job("a")]);
    answers = () => {
      // It was written before the job began, and arrives after.
      jobs.apply({ event: "progress", job: "a", progress: progress(5) });
      return { jobs: [job("a")], next_cursor: null };
    };
    await jobs.refresh();
    expect(jobs.find("a")!.job.value).toMatchObject({ status: "running", progress: { step: 5 } });
  });

  it("jobs that another device deleted are gone, and older ones are not", async () => {
    const ended: Partial<Job> = { status: "succeeded" };
    jobs.merge([job("1", ended), job("2", ended), job("3", ended), job("4", ended)]);
    answers = () => ({ jobs: [job("4", ended), job("2", ended)], next_cursor: "x" });
    await jobs.refresh();
    expect(jobs.ids.value).toEqual(["4", "2", "1"]);
  });

  it("one under way that is not among the newest is read by itself, and one that is gone is dropped", async () => {
    jobs.merge([job("1", { status: "running" }), job("2", { status: "running" })]);
    answers = (path) => {
      if (path.endsWith("/jobs/1")) return job("1", { status: "succeeded" });
      if (path.endsWith("/jobs/2")) return new Refused(404, "", "");
      return { jobs: [], next_cursor: "x" };
    };
    await jobs.refresh();
    expect(jobs.ids.value).toEqual(["1"]);
    expect(status("1")).toBe("succeeded");
  });

  it("an answer of the server before is no news of this one", async () => {
    answers = () => {
      jobs.clear();
      return { jobs: [job("theirs")], next_cursor: null };
    };
    await jobs.refresh();
    expect(jobs.ids.value).toEqual([]);
  });
});

describe("older jobs", () => {
  it("come page by page, until there are none", async () => {
    const asked: string[] = [];
    answers = (path) => {
      asked.push(path);
      return path.includes("cursor=c") ? { jobs: [job("1")], next_cursor: null } : { jobs: [job("2")], next_cursor: "c" };
    };
    await jobs.refresh();
    await Promise.all([jobs.loadOlder(), jobs.loadOlder()]);
    expect(asked).toHaveLength(2);
    expect(jobs.ids.value).toEqual(["2", "1"]);
    expect(jobs.more.value).toBe(false);
  });
});

describe("how a job stands", () => {
  it.each([
    [{ queue_position: 0, eta_s: null }, "Next in line"],
    [{ queue_position: 1, eta_s: 4.2 }, "1 job before it, about 4 sec"],
    [{ queue_position: 9, eta_s: 400 }, "9 jobs before it, about 7 min"],
    [{ queue_position: null, eta_s: null }, "In line"],
  ])("%j waits: %s", (each, said) => {
    expect(waiting(each).join(", ")).toBe(said);
  });

  it("is said of one picture where there are several", () => {
    expect(working(progress(12), null)).toEqual(["Step 12 of 20"]);
    expect(working({ ...progress(12), steps: 80 }, 0.2, 4)).toEqual(["Step 3 of 20", "about 1 sec left"]);
    expect(working({ ...progress(0), stage: "loading", detail: "loading model, 40 %" }, null)).toEqual(["Loading the model, 40 %"]);
    expect(working({ ...progress(0), stage: "encoding", detail: "reading the picture" }, null)).toEqual(["Reading the picture"]);
    expect(working(null, null)).toEqual(["Starting"]);
  });

  it("says why it failed in a sentence", () => {
    expect(failure({ code: "out_of_memory", detail: "One picture does not fit." })).toBe("That did not work. One picture does not fit.");
    expect(failure({ code: "worker_died", detail: "x" })).toContain("stopped three times");
    expect(failure(null)).toBe("That did not work.");
  });

  it("is timed by its own pace, and anew when it begins anew", () => {
    const pace = new Pace();
    expect(pace.left(0, 0)).toBeNull();
    expect(pace.left(0.1, 100)).toBeNull();
    expect(pace.left(0.2, 2100)).toBeCloseTo(16);
    expect(pace.left(0, 9000)).toBeNull();
    // What came before its first step is not counted.
    expect(pace.left(0.1, 29_000)).toBeNull();
    expect(pace.left(0.5, 30_000)).toBeCloseTo(1.25);
  });
});
