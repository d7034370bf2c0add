import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { source } from "../api/images";
import { list } from "../api/jobs";
import { me } from "../state/live/connection";
import { Icon } from "../ui/Icon";
import { usePoll } from "../ui/poll";
import { useAwake } from "./awake";
import { latest, turn, type Shown } from "./latest";
import "./show.css";
import { t } from "./words";

/** Milliseconds between two looks for new pictures, and for which one is large. */
const LOOK = 2500;
const STAY = 9000;

/** Pixels that the large one and the others are fetched at. */
const LARGE = 1536;
const SMALL = 512;

/** The newest pictures on a big screen: one large with its words, the others round it. */
export function Show() {
  const pictures = useSignal<readonly Shown[]>([]);
  const large = useSignal<string | null>(null);
  const mine = useSignal(false);
  const said = useSignal(true);
  const admin = me.value?.role === "admin";
  useAwake();
  const look = async (due = false) => {
    const owner = me.peek()?.role === "admin" && !mine.peek() ? "*" : undefined;
    const { jobs } = await list({ limit: 40, status: "succeeded", owner });
    const now = latest(jobs, pictures.peek());
    large.value = turn(large.peek(), pictures.peek(), now, due);
    pictures.value = now;
  };
  usePoll(look, LOOK);
  useEffect(() => {
    const timer = setInterval(() => (large.value = turn(large.peek(), pictures.peek(), pictures.peek(), true)), STAY);
    return () => clearInterval(timer);
  }, []);
  const first = pictures.value.find(({ id }) => id === large.value);
  return (
    <main class="show dark">
      <h1 class="unseen">{t("title")}</h1>
      {!first && <p class="nothing-yet">{t("empty")}</p>}
      {first && (
        <figure key={first.id}>
          <img src={source(first.output, LARGE)} alt={first.prompt || t("untitled")} width={first.output.width} height={first.output.height} />
          {said.value && <figcaption dir="auto">{first.prompt || t("untitled")}</figcaption>}
        </figure>
      )}
      <ul>
        {pictures.value
          .filter(({ id }) => id !== large.value)
          .map(({ id, output, prompt }) => (
            <li key={id}>
              <button type="button" aria-label={prompt || t("untitled")} onClick={() => (large.value = id)}>
                <img src={source(output, SMALL)} alt="" loading="lazy" />
              </button>
            </li>
          ))}
      </ul>
      <nav class="show-tools" aria-label={t("show")}>
        <a class="button" href="/#/gallery" aria-label={t("back")} title={t("back")}>
          <Icon name="back" />
        </a>
        {admin && (
          <button
            type="button"
            aria-pressed={mine.value}
            onClick={() => {
              mine.value = !mine.value;
              pictures.value = [];
              void look().catch(() => undefined);
            }}
          >
            {t("mine")}
          </button>
        )}
        <button type="button" aria-pressed={said.value} onClick={() => (said.value = !said.value)}>
          {t("words")}
        </button>
        {document.fullscreenEnabled && (
          <button type="button" aria-label={t("whole")} title={t("whole")} onClick={() => void fill()}>
            <Icon name="expand" />
          </button>
        )}
      </nav>
    </main>
  );
}

async function fill(): Promise<void> {
  if (document.fullscreenElement) await document.exitFullscreen();
  else await document.documentElement.requestFullscreen().catch(() => undefined);
}
