/** Takes a picture or its recipe out of the page: to the clipboard, another application, the device. */
import { link } from "../../api/collections/collections";
import type { Job, Output } from "../../api/types";
import { copy } from "../../browser";
import { platform } from "../../platform";
import { toast } from "../../state/page/toasts";
import { twice } from "../../state/page/twice";
import { sentence } from "../../ui/sentence";
import { original } from "./original";
import { fileName, infotextOf } from "./png";
import { t } from "../words";

/** For which a link is good that nobody chose an end for. */
const HOURS = 24;

/** Copies the recipe as the picture carries it, in the words that other programs read. */
export async function copyRecipe(_job: Job, output: Output): Promise<void> {
  let text: string | null;
  try {
    text = infotextOf(new Uint8Array(await (await original(output)).arrayBuffer()));
  } catch (error) {
    toast(sentence(error));
    return;
  }
  if (text === null) toast(t("noRecipe"));
  else if (await copy(text)) toast(t("copied"));
  // The picture took longer to come than a browser believes that it was the user who asked.
  else toast(t("ready"), { label: t("copy"), run: () => void copyNow(text) });
}

async function copyNow(text: string): Promise<void> {
  toast(t((await copy(text)) ? "copied" : "copyRefused"));
}

/** Hands a picture to another application, or keeps it where the browser shares nothing. */
export async function share(output: Output, job: Job): Promise<void> {
  if (twice(`share ${output.id}`)) return;
  try {
    const file = await asFile(output, job);
    if (platform.share && (await platform.share(file))) return;
    await platform.save(file);
    toast(t("savedToShare"), {
      label: t("copyLink"),
      run: () => void copyLink(output),
    });
  } catch (error) {
    toast(sentence(error));
  }
}

/** Copies a link that others can open, wherever this page itself was opened. */
async function copyLink({ id }: Output): Promise<void> {
  try {
    const { url } = await link(id, HOURS);
    toast(t((await copy(url)) ? "linkCopied" : "copyRefused"));
  } catch (error) {
    toast(sentence(error));
  }
}

/** Keeps the picture's file, with its recipe, on this device. */
export async function save(output: Output, job: Job): Promise<void> {
  if (twice(`save ${output.id}`)) return;
  try {
    await platform.save(await asFile(output, job));
  } catch (error) {
    toast(sentence(error));
  }
}

async function asFile(output: Output, job: Job): Promise<File> {
  const blob = await original(output);
  return new File([blob], fileName(job.input.prompt, output.seed), { type: blob.type });
}
