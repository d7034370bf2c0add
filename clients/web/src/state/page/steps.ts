/** Steps back that the page takes by itself, as when what lay over it is gone. They come about later. */

/** Milliseconds after which a step that never came about is waited for no more. */
const LONG = 1000;

/** Steps that are under way. */
let own = 0;

const waiting: (() => void)[] = [];

function goOn(): void {
  for (const run of waiting.splice(0)) run();
}

export function stepBack(): void {
  own++;
  history.back();
}

/** Whether a step back that came about now was the page's own, and so nobody's wish. */
export function wasOwn(): boolean {
  if (!own) return false;
  if (!--own) goOn();
  return true;
}

/** Runs what changes the address: at once, or when no step back is under way that would undo it. */
export function settled(run: () => void): void {
  if (!own) return run();
  waiting.push(run);
  setTimeout(() => {
    if (!waiting.includes(run)) return;
    own = 0;
    goOn();
  }, LONG);
}
