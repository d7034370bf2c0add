/** Pictures that leave the app: to another one, or to the phone's photos. */
import { Media } from "@capacitor-community/media";
import { Capacitor } from "@capacitor/core";
import { Directory, Filesystem } from "@capacitor/filesystem";
import { Share } from "@capacitor/share";

const FOLDER = "shared";
const ALBUM = "Darkroom";

/** Hands a picture to another application. */
export async function share(file: File): Promise<boolean> {
  // Other applications read the file after this has returned, so it goes when the next one comes.
  await Filesystem.rmdir({ path: FOLDER, directory: Directory.Cache, recursive: true }).catch(() => undefined);
  const { uri } = await Filesystem.writeFile({
    path: `${FOLDER}/${file.name}`,
    data: await dataUrl(file),
    directory: Directory.Cache,
    recursive: true,
  });
  try {
    await Share.share({ files: [uri] });
  } catch (error) {
    if (!/cancel/i.test((error as Error).message)) throw error;
  }
  return true;
}

/** Keeps a picture's file, as it is, in the phone's photos. */
export async function keep(file: File): Promise<void> {
  const path = await dataUrl(file);
  if (Capacitor.getPlatform() !== "android") {
    await Media.savePhoto({ path });
    return;
  }
  // Android asks for an album; one that is there already is refused.
  await Media.createAlbum({ name: ALBUM }).catch(() => undefined);
  const albums = await Media.getAlbumsPath();
  await Media.savePhoto({
    path,
    albumIdentifier: `${albums.path}/${ALBUM}`,
    fileName: file.name.replace(/\.\w+$/, ""),
  });
}

function dataUrl(file: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error!);
    reader.readAsDataURL(file);
  });
}
