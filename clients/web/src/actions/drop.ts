/** Pictures that are dropped on the page: a recipe fills the form, any other is to start from. */
import { Refused, Unreachable } from "../api/errors";
import { CARRIERS, read } from "../api/collections/recipes";
import type { Recipe } from "../api/types";
import { listed } from "../i18n";
import { taker } from "../state/page/drops";
import { input } from "../state/form/input";
import { go } from "../state/page/route";
import { toast } from "../state/page/toasts";
import "./drop.css";
import { fillForm, startOf, steeredBy } from "./form";
import { pictureIn, take } from "./take";
import { t } from "./words";

/** Takes a picture from outside: its recipe goes into the form, or else it does itself. */
export async function takePicture(file: Blob): Promise<void> {
  const recipe = CARRIERS.includes(file.type) ? await recipeOf(file) : null;
  go("make");
  if (recipe) {
    await useRead(recipe);
    return;
  }
  const before = input.peek();
  await take(file);
  if (input.peek() !== before) toast(t("tookPicture"));
}

/** Lets the user choose such a picture, where nothing can be dropped. */
export function choosePicture(): void {
  const field = document.createElement("input");
  field.type = "file";
  field.accept = "image/*";
  field.onchange = () => {
    const file = field.files?.[0];
    if (file) void takePicture(file);
  };
  field.click();
}

/** Takes what is dropped anywhere, unless something in the page took it. */
export function installDrop(): void {
  const hint = document.createElement("div");
  hint.className = "drop-hint";
  hint.hidden = true;
  document.body.append(hint);
  let over: ReturnType<typeof setTimeout> | undefined;
  addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    hint.textContent = taker.peek()?.hint() ?? t("drop");
    hint.hidden = false;
    // It comes many times a second as long as something is held over the page.
    clearTimeout(over);
    over = setTimeout(() => (hint.hidden = true), 300);
  });
  addEventListener("drop", (event) => {
    hint.hidden = true;
    if (event.defaultPrevented || !event.dataTransfer?.files.length) return;
    event.preventDefault();
    if (taker.peek()?.take([...event.dataTransfer.files])) return;
    const picture = pictureIn(event.dataTransfer);
    if (picture) void takePicture(picture);
    else toast(t("noPicture"));
  });
}

/** Where a recipe says that a picture is missing which steered it, and did not begin it. */
const STEERING = new Set(["/controls", "/ip_adapters", "/regions", "/reference_only"]);

async function recipeOf(file: Blob): Promise<Recipe | null> {
  try {
    return await read(file);
  } catch (error) {
    if (error instanceof Refused || error instanceof Unreachable) return null;
    throw error;
  }
}

async function useRead({ request, pictures, missing }: Recipe): Promise<void> {
  await fillForm(request, startOf(request, pictures), steeredBy(request, pictures));
  const steering = missing.filter((each) => STEERING.has(each.pointer));
  const others = missing.filter((each) => !steering.includes(each));
  const names = new Set(others.map((each) => each.pointer.split("/")[1]!));
  const lost = [
    names.delete("image") || names.delete("mask") ? t("lostPicture") : "",
    steering.length ? t("lostSteering") : "",
    names.delete("model") ? t("lostModel") : "",
    names.size ? t("lostOthers", listed([...names])) : "",
  ];
  toast([t("filled"), ...lost.filter(Boolean)].join(" "));
}
