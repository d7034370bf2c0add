import { beforeEach, expect, it } from "vitest";
import "../page";

const { toast, toasts } = await import("../../src/state/page/toasts");

beforeEach(() => (toasts.value = []));

const said = () => toasts.value.map((each) => each.text);

it("says an error once, however often it comes", () => {
  toast("This browser cannot read that picture.");
  toast("The link is copied.");
  toast("This browser cannot read that picture.");
  expect(said()).toEqual(["The link is copied.", "This browser cannot read that picture."]);
});

it("keeps each thing that can be taken back", () => {
  for (let at = 0; at < 2; at++) toast("3 pictures deleted.", { label: "Undo", run: () => undefined });
  expect(said()).toHaveLength(2);
});
