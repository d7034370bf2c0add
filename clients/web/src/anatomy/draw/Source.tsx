import { useEffect, useRef, useState } from "preact/hooks";
import { sentence } from "../../ui/sentence";
import { Icon } from "../../ui/Icon";
import { made } from "../run";
import { asked } from "../asked";
import { state } from "../state";
import { t } from "../words";

/** The picture that a part looks into: a photo of this device, or the picture of part 1. */
export type Picture = Blob | string;

const chosen: { file: Blob | null } = { file: null };

/** The picture to look into, once it is there, and a way to take another. */
export function useSource(): { picture: Picture | null; problem: string; take(file: Blob | null): void } {
  const { image, prompt, seed, model } = state.value;
  const [picture, set] = useState<Picture | null>(chosen.file ?? (image || null));
  const [problem, tell] = useState("");
  useEffect(() => {
    if (picture) return;
    let here = true;
    made(asked(state.peek())).then(
      (job) => {
        const output = job.outputs[0];
        if (here && output) set(output.id);
        else if (here) tell(job.error?.detail ?? "");
      },
      (error: unknown) => here && tell(sentence(error)),
    );
    return () => void (here = false);
  }, [picture, prompt, seed, model]);
  return {
    picture,
    problem,
    take: (file) => {
      chosen.file = file;
      set(file);
    },
  };
}

/** Buttons that take a photo, or a picture of this device. */
export function Take({ take }: { take(file: Blob): void }) {
  return (
    <div class="row">
      <One label={t("photo")} icon="camera" camera take={take} />
      <One label={t("file")} icon="image" take={take} />
    </div>
  );
}

function One(props: { label: string; icon: "camera" | "image"; camera?: boolean; take(file: Blob): void }) {
  const field = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" onClick={() => field.current!.click()}>
        <Icon name={props.icon} />
        {props.label}
      </button>
      <input
        ref={field}
        hidden
        type="file"
        accept="image/*"
        aria-label={props.label}
        {...(props.camera ? { capture: "environment" as const } : {})}
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          if (file) void small(file).then(props.take);
          event.currentTarget.value = "";
        }}
      />
    </>
  );
}

/** Pixels a side that are looked at, at most: a photo of ten megabytes takes long on its way. */
const SIDE = 512;

async function small(file: Blob): Promise<Blob> {
  try {
    const bitmap = await createImageBitmap(file);
    const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(bitmap.width * scale);
    canvas.height = Math.round(bitmap.height * scale);
    canvas.getContext("2d")!.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve) => canvas.toBlob((made) => resolve(made ?? file), "image/png"));
  } catch {
    // What the browser cannot open, the server may.
    return file;
  }
}
