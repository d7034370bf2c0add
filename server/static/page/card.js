/** One job under way: a frame for each of its pictures, its progress, and a way to stop it. */
import { thumbnail } from "./api.js";
import { ended, state } from "./words.js";

/** CSS pixels of a card's pictures side by side, as in page.css. */
const FRAME = 512;

export class Card {
  constructor(job, on) {
    this.job = job;
    const copy = document.getElementById("card").content.cloneNode(true);
    this.element = copy.firstElementChild;
    this.bar = copy.querySelector("progress");
    this.state = copy.querySelector(".state");
    this.button = copy.querySelector("button");
    this.element.dataset.job = job.id;
    this.element.dataset.created = job.created_at;
    copy.querySelector(".words").textContent = job.input.prompt;

    const { count, width, height } = job.input;
    this.columns = Math.min(4, Math.ceil(Math.sqrt(count)));
    const prints = copy.querySelector(".prints");
    prints.style.setProperty("--columns", this.columns);
    prints.style.setProperty("--shape", width / height);
    this.frames = Array.from({ length: count }, (_, index) => frame(job, index));
    for (const each of this.frames) each.onclick = () => on.open(each.dataset.output);
    prints.append(...this.frames);
    this.button.onclick = () => (ended(this.job) ? on.again(this.job) : on.cancel(this.job));
    this.update(job);
  }

  update(job) {
    this.job = job;
    const over = ended(job);
    const fraction = job.status === "succeeded" ? 1 : (job.progress?.fraction ?? 0);
    this.element.dataset.status = job.status;
    this.element.style.setProperty("--developed", fraction);
    this.bar.value = fraction;
    const line = state(job);
    if (this.state.textContent !== line) this.state.textContent = line;
    this.button.textContent = over ? (job.status === "succeeded" ? "Make another" : "Try again") : "Cancel";
    if (over) this.button.disabled = false;
    for (const output of job.outputs) this.show(output);
  }

  /** Show what the picture looks like by now; `image` is a data URI. */
  preview(index, image) {
    const target = this.frames[index];
    if (!target || target.dataset.output || ended(this.job)) return;
    target.firstElementChild.src = image;
    target.classList.add("seen");
  }

  /** Put the finished picture over its preview once it can be drawn, so that nothing flickers. */
  show(output) {
    const index = (output.seed - this.job.input.seed + 2 ** 32) % 2 ** 32;
    const target = this.frames[index];
    if (!target || target.dataset.output) return;
    target.dataset.output = output.id;
    target.disabled = false;
    const picture = unspoken(output);
    picture.src = thumbnail(output, FRAME / this.columns);
    const swap = () => {
      target.replaceChildren(picture);
      target.classList.add("seen", "finished");
    };
    picture.decode().then(swap, swap);
  }
}

function frame({ input }, index) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "frame";
  button.disabled = true;
  button.ariaLabel = `Picture ${index + 1} of ${input.count}: ${input.prompt}`;
  button.append(unspoken(input));
  return button;
}

/** An image that has no words of its own: its frame says what it is. */
const unspoken = ({ width, height }) => Object.assign(new Image(width, height), { alt: "" });
