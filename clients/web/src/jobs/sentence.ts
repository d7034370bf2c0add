/** How a job stands, in words. */
import type { Job } from "../api/types";
import { dimensions, duration, language } from "../i18n";
import { told } from "../i18n/sentences";
import { capital } from "../ui/sentence";
import { t } from "./words";

/** What it does, and how long that should take yet where it is known. */
type Stands = [stage: string, time?: string];

export function waiting(job: Pick<Job, "queue_position" | "eta_s">): Stands {
  const { queue_position: position, eta_s: eta } = job;
  const place = position === null ? t("queued") : position === 0 ? t("next") : t("before", position);
  return eta === null ? [place] : [place, t("about", duration(eta))];
}

/** `left` is in seconds, null where it is not known; `count` is how many pictures it makes. */
export function working(progress: Job["progress"], left: number | null, count = 1): Stands {
  const stage = stageOf(progress, count);
  return left === null ? [stage] : [stage, t("left", duration(left))];
}

/** What the server says while it reads the picture that a job starts from. */
const READING = "reading the picture";

function stageOf(progress: Job["progress"], count: number): string {
  switch (progress?.stage) {
    case "loading": {
      const share = /(\d+) ?%/.exec(progress.detail ?? "")?.[1];
      return share ? t("loadingShare", Number(share)) : t("loading");
    }
    case "encoding":
      return t(progress.detail === READING ? "reading" : "encoding");
    case "decoding":
      return t("decoding");
  }
  if (!progress?.step) return t("starting");
  // The server counts the steps of all pictures; the user asked for those of one.
  return t("steps", Math.ceil(progress.step / count), Math.round(progress.steps / count));
}

const KNOWN = ["worker_died", "store_failed", "internal", "lost", "no_longer_offered"] as const;

/** Of these the server says more, in English. */
const TOLD = ["refused", "bad_input"] as const;

/** Why a job failed: what the server says of it, where this page does not know it better. */
export function failure(error: Job["error"]): string {
  if (!error) return t("failed");
  const { code, detail, wording } = error;
  const known = KNOWN.find((each) => each === code);
  if (known) return t(known);
  const own = wording && told(wording.code, wording.values);
  if (own) return `${t("failed")} ${capital(own)}`;
  const kind = TOLD.find((each) => each === code);
  if (kind && language.value !== "en") return t(kind);
  return [t("failed"), told(code, {}), detail].filter(Boolean).join(" ");
}

/** What a job is called: its prompt, or what is done. */
export function titled({ input, width, height }: Pick<Job, "input" | "width" | "height">): string {
  return input.prompt?.trim() || enlargedTo({ input, width, height }) || t("picture");
}

/** That a picture is only enlarged, and how far; empty where more is done. */
export function enlargedTo({ input, width, height }: Pick<Job, "input" | "width" | "height">): string {
  const only = input.kind === "upscale" && !input.strength && input.upscaler !== "latent";
  return only ? t("enlarged", dimensions(width, height)) : "";
}

/** The prompt, or what stands for one. */
export function named(prompt: string | undefined): string {
  return prompt?.trim() || t("picture");
}
