import { describe, expect, it } from "vitest";
import { FrameParser } from "../src/api/events";

const STREAM =
  "retry: 1000\n\nid: 7-0\n\n: still here\n\n" +
  'id: 8-0\nevent: status\ndata: {"event":"status","job":"a","status":"running"}\n\n' +
  'event: preview\ndata: {"event":"preview","job":"a","index":0,"image":"data:,é\u2028x"}\n\n';

const FRAMES = [
  { id: "7-0", event: null },
  { id: "8-0", event: { event: "status", job: "a", status: "running" } },
  { id: null, event: { event: "preview", job: "a", index: 0, image: "data:,é\u2028x" } },
];

describe("a stream of events", () => {
  it("is the same in one piece and letter by letter", () => {
    const parser = new FrameParser();
    expect([...STREAM].flatMap((letter) => parser.feed(letter))).toEqual(FRAMES);
    expect(new FrameParser().feed(STREAM)).toEqual(FRAMES);
  });

  it.each(["\r\n", "\r"])("may end its lines by %j, torn apart or not", (end) => {
    const other = STREAM.replaceAll("\n", end);
    const parser = new FrameParser();
    const frames = [...other].flatMap((letter) => parser.feed(letter));
    expect([...frames, ...parser.feed(":")]).toEqual(FRAMES);
  });

  it("gives nothing for half a frame", () => {
    expect(new FrameParser().feed('data: {"event":"status"}\n')).toEqual([]);
  });

  it("joins the lines of one event", () => {
    const [frame] = new FrameParser().feed('data: {"event":\ndata: "status"}\n\n');
    expect(frame?.event).toEqual({ event: "status" });
  });
});
