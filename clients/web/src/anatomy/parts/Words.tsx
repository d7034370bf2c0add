import { useEffect, useState } from "preact/hooks";
import { tokenize } from "../../api/models/anatomy";
import { source } from "../../api/images";
import type { Job, Tokens } from "../../api/types";
import { sentence } from "../../ui/sentence";
import { asked } from "../asked";
import { Frame } from "../draw/Frame";
import { made } from "../run";
import { show, state } from "../state";
import { t } from "../words";

/** Milliseconds without a key before a prompt is taken apart. */
const REST = 350;

/** Part 4: what a prompt is to the network, and two of them from the same noise. */
export function Words() {
  const { prompt, other } = state.value;
  const [pair, set] = useState<readonly (Job | null)[]>([null, null]);
  const [busy, work] = useState(false);
  const [problem, tell] = useState("");
  const compare = async () => {
    const now = { ...state.peek(), image: "" };
    tell("");
    work(true);
    try {
      set(await Promise.all([made(asked(now)), made(asked({ ...now, prompt: now.other }))]));
    } catch (error) {
      tell(sentence(error));
    } finally {
      work(false);
    }
  };
  return (
    <Frame part="words">
      <label>
        {t("prompt")}
        <input type="text" dir="auto" value={prompt} onInput={(event) => show({ prompt: event.currentTarget.value, image: "" })} />
      </label>
      <Apart prompt={prompt} />
      <label>
        {t("otherPrompt")}
        <input type="text" dir="auto" value={other} onInput={(event) => show({ other: event.currentTarget.value })} />
      </label>
      <Apart prompt={other} />
      <button type="button" class="primary" disabled={busy} onClick={() => void compare()}>
        {t(busy ? "waiting" : "compare")}
      </button>
      <p class="error" role="alert">
        {problem}
      </p>
      <div class="panels two">
        {pair.map((job, index) => {
          const output = job?.outputs[0];
          return (
            output && (
              <figure key={index}>
                <img src={source(output)} alt={job.input.prompt} />
                <figcaption>{job.input.prompt}</figcaption>
              </figure>
            )
          );
        })}
      </div>
    </Frame>
  );
}

/** What stands for signs that a vocabulary cannot spell, as tokenizers write it. */
const UNWRITTEN = /^<.*>$/;

/** With the words of the prompt as it is written that the vocabulary has not, each once. */
type Taken = Tokens & { strangers: Tokens["words"] };

/** A prompt taken apart as a job's would be: where the model's table of words takes it for another,
 * that one. */
async function taken(prompt: string, model: string | undefined, signal: AbortSignal): Promise<Taken> {
  const written = await tokenize(prompt, model, signal);
  const unknown = written.words.filter((word) => !word.known && /\p{L}/u.test(word.text));
  const strangers = [...new Map(unknown.map((word) => [word.text, word])).values()];
  if (!written.read_as) return { ...written, strangers };
  return { ...(await tokenize(written.read_as, model, signal)), read_as: written.read_as, strangers };
}

/** A prompt in tokens. */
function Apart({ prompt }: { prompt: string }) {
  const { model } = state.value;
  const [found, set] = useState<Taken | null>(null);
  const [problem, tell] = useState("");
  useEffect(() => {
    const asked = new AbortController();
    const timer = setTimeout(() => {
      taken(prompt, model || undefined, asked.signal).then(
        (tokens) => {
          set(tokens);
          tell("");
        },
        (error: unknown) => !asked.signal.aborted && tell(sentence(error)),
      );
    }, REST);
    return () => {
      clearTimeout(timer);
      asked.abort();
    };
  }, [prompt, model]);
  if (problem) return <p class="error">{problem}</p>;
  if (!found) return null;
  const [encoder] = found.encoders;
  return (
    <div class="apart">
      <ul class="strangers">
        {found.strangers.map((word) => (
          <li key={word.text}>
            <strong>{word.text}</strong>: {t(UNWRITTEN.test(word.text) ? "noToken" : "unknown")}
            {word.nearest.length > 0 && `, ${t("nearest", word.nearest.join(", "))}`}
          </li>
        ))}
      </ul>
      {found.read_as && <p>{t("readAs", found.read_as)}</p>}
      {encoder?.windows.map((window, index) => (
        <div key={index}>
          <ul class="tokens">
            {window.tokens.map((token, place) => {
              const word = found.words[token.word];
              return (
                <li key={place} class={word && !word.known ? "strange" : ""}>
                  <strong>{token.token.replace("</w>", "").replace(/^[▁Ġ]/, "")}</strong>
                  <span class="muted">{token.id}</span>
                  {token.weight !== 1 && <span class="muted">×{token.weight}</span>}
                </li>
              );
            })}
          </ul>
          <p class="muted">{t("tokens", window.used, window.size)}</p>
        </div>
      ))}
    </div>
  );
}
