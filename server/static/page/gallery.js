/** The last pictures, and one of them large with all that made it. */
import { thumbnail } from "./api.js";
import { recipe, state } from "./words.js";

/** CSS pixels of a tile, about. */
const TILE = 200;

/** How much a small picture is enlarged at most; past it, it is only a blur. */
const ENLARGE = 4;

const section = document.getElementById("gallery");
const grid = section.querySelector("ul");
const viewer = document.getElementById("viewer");
const large = viewer.querySelector(".large img");
const words = viewer.querySelector(".words");
const about = viewer.querySelector(".recipe");
const save = document.getElementById("save");
const newer = document.getElementById("newer");
const older = document.getElementById("older-one");

/** Every picture with its job, newest first, those in the tray too. */
let shots = [];

/** The one that is open, or was last. */
let current = null;

const tiles = new Map();

/** What each button under the large picture does with it. */
let act;

export function start(actions) {
  act = actions;
  for (const id in act) {
    document.getElementById(id).onclick = () => {
      viewer.close();
      act[id](current);
    };
  }
  document.getElementById("close").onclick = () => viewer.close();
  viewer.addEventListener("click", (event) => event.target === viewer && viewer.close());
  viewer.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") turn(-1);
    if (event.key === "ArrowRight") turn(1);
  });
  newer.onclick = () => turn(-1);
  older.onclick = () => turn(1);
}

/** Show these jobs' pictures. Those in the tray can be opened, but have no tile. */
export function update(jobs, tray) {
  shots = jobs.flatMap((job) => job.outputs.map((output) => ({ job, output })));
  const wanted = jobs.filter((job) => !tray.has(job.id)).flatMap(entries);
  const keep = new Set(wanted.map((entry) => entry.key));
  for (const [key, element] of tiles) {
    if (keep.has(key)) continue;
    element.remove();
    tiles.delete(key);
  }
  let before = grid.firstElementChild;
  for (const { key, make } of wanted) {
    const element = tiles.get(key) ?? make();
    tiles.set(key, element);
    if (element === before) before = before.nextElementSibling;
    else grid.insertBefore(element, before);
  }
  section.hidden = wanted.length === 0;
}

function entries(job) {
  const pictures = job.outputs.map((output) => ({
    key: output.id,
    make: () => tile(job, output),
  }));
  if (job.status !== "failed") return pictures;
  return [...pictures, { key: job.id, make: () => failure(job) }];
}

function tile(job, output) {
  const image = new Image(output.width, output.height);
  image.loading = "lazy";
  image.decoding = "async";
  image.alt = job.input.prompt;
  image.src = thumbnail(output, TILE);
  return item(() => show(output.id), image);
}

function failure(job) {
  const prompt = document.createElement("b");
  prompt.textContent = job.input.prompt;
  return item(() => act.change({ job, output: job.input }), prompt, state(job));
}

function item(onclick, ...content) {
  const button = Object.assign(document.createElement("button"), { className: "tile", onclick });
  button.append(...content);
  const li = document.createElement("li");
  li.append(button);
  return li;
}

/** Open the picture of this id. */
export function show(id) {
  const at = shots.findIndex(({ output }) => output.id === id);
  if (at < 0) return;
  current = shots[at];
  const { job, output } = current;
  large.width = output.width;
  large.height = output.height;
  large.style.setProperty("--natural", `${output.width * ENLARGE}px`);
  large.style.setProperty("--shape", output.width / output.height);
  large.alt = job.input.prompt;
  large.src = output.url;
  words.textContent = job.input.prompt;
  about.textContent = recipe(job, output.seed);
  save.href = `${output.url}&download=true`;
  newer.disabled = at === 0;
  older.disabled = at === shots.length - 1;
  if (!viewer.open) viewer.showModal();
}

function turn(by) {
  const at = shots.findIndex(({ output }) => output.id === current?.output.id);
  const next = shots[at + by];
  if (next) show(next.output.id);
}
