import { source } from "../../api/images";
import type { Output } from "../../api/types";
import { askAgain } from "./again";
import "./own-pictures.css";

export interface Own {
  output: Output;
  prompt: string;
}

interface Owned {
  pictures: readonly Own[];
  words: { none: string; older: string; take(prompt: string): string };
  disabled?: boolean;
  taken(output: Output): void;
  /** Brings older ones; null where there are none. */
  older: (() => void) | null;
}

/** One's own pictures, to take one of them. It lies in what has the class `own-pictures`. */
export function OwnPictures({ pictures, words, disabled, taken, older }: Owned) {
  return (
    <>
      {!pictures.length && <p class="muted">{words.none}</p>}
      <ul>
        {pictures.map(({ output, prompt }) => (
          <li key={output.id}>
            <button type="button" disabled={disabled} aria-label={words.take(prompt)} onClick={() => taken(output)}>
              <img src={source(output, 320)} alt="" loading="lazy" onError={askAgain} />
            </button>
          </li>
        ))}
      </ul>
      {older && (
        <button type="button" onClick={older}>
          {words.older}
        </button>
      )}
    </>
  );
}
