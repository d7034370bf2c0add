/** Takes many pictures out of the page as one file. */
import { archive, archiveFile } from "../../api/collections/collections";
import { platform } from "../../platform";

/** Has the browser fetch a ZIP file of these pictures; the app, which sends a token, keeps it itself. */
export async function downloadAll(images: readonly string[]): Promise<void> {
  const url = await archive(images);
  if (platform.token() !== null) {
    await platform.save(new File([await archiveFile(url)], "darkroom.zip", { type: "application/zip" }));
    return;
  }
  const link = document.createElement("a");
  link.href = url;
  link.download = "darkroom.zip";
  link.click();
}
