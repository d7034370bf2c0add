/** The page: the form above, jobs under way in the tray, the last pictures below. */
import * as api from "./api.js";
import { Card } from "./card.js";
import { follow } from "./follow.js";
import * as form from "./form.js";
import * as gallery from "./gallery.js";
import { ended, state } from "./words.js";

/** Milliseconds between two looks at jobs under way: places in the queue have no events. */
const LOOK = 3000;

const tray = document.getElementById("tray");
const empty = document.getElementById("empty");
const older = document.getElementById("older");
const connection = document.getElementById("connection");
const said = document.getElementById("said");

const jobs = new Map();

/** Of jobs under way, and of those that ended since the last was sent. */
const cards = new Map();

/** Where the pages of older jobs go on; undefined until the first was read. */
let next;

/** Whether there is no event stream; then the jobs are read again and again. */
let away = false;

let looking = false;

const reconnect = follow({ opened, lost, event: hear });

form.start(send);
gallery.start({
  another: ({ job }) => resend({ ...job.input, seed: undefined, count: 1 }),
  same: ({ job, output }) => resend({ ...job.input, seed: output.seed, count: 1 }),
  change: ({ job, output }) => {
    form.fill({ ...job.input, seed: output.seed, count: undefined });
    form.focus();
  },
});
older.onclick = () => more();
for (const example of empty.querySelectorAll("button")) {
  example.onclick = () => {
    form.fill({ prompt: example.textContent });
    form.focus();
  };
}
setInterval(look, LOOK);
refresh();

async function send(input) {
  const job = await api.create(input);
  for (const [id, card] of cards) if (ended(card.job)) drop(id);
  take(job);
  tell(`Sent. ${state(job)}`);
  cards.get(job.id)?.element.scrollIntoView({ block: "nearest" });
}

/** A job like one that was there, without what its caller kept with it. */
async function resend({ prompt, negative_prompt, model, width, height, steps, ...rest }) {
  const { guidance_scale, sampler, seed, count } = rest;
  const input = { prompt, negative_prompt, model, width, height, steps };
  try {
    await send({ ...input, guidance_scale, sampler, seed, count });
  } catch (problem) {
    form.explain(problem);
  }
}

/**
 * Take in what the server says of a job. An answer may have been overtaken by an event, so a job
 * that has ended stays so.
 */
function take(job) {
  const before = jobs.get(job.id);
  if (before && ended(before) && !ended(job)) return;
  jobs.set(job.id, job);
  if (!ended(job) && !cards.has(job.id)) add(job);
  cards.get(job.id)?.update(job);
  if (before && !ended(before) && ended(job)) tell(`${job.input.prompt}: ${state(job)}`);
  if (!before || ended(job) || job.outputs.length > before.outputs.length) arrange();
}

function add(job) {
  const card = new Card(job, {
    open: gallery.show,
    cancel,
    again: ({ input }) => resend({ ...input, seed: undefined }),
  });
  cards.set(job.id, card);
  const elements = [...tray.children];
  const older = elements.find((each) => each.dataset.created <= job.created_at);
  tray.insertBefore(card.element, older ?? null);
}

function drop(id) {
  cards.get(id)?.element.remove();
  cards.delete(id);
}

function arrange() {
  const newestFirst = [...jobs.values()].sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
  gallery.update(newestFirst, new Set(cards.keys()));
  tray.hidden = cards.size === 0;
  older.hidden = !next;
  empty.hidden = next === undefined || jobs.size > 0;
}

async function cancel(job) {
  const card = cards.get(job.id);
  card.button.disabled = true;
  try {
    take(await api.cancel(job.id));
  } catch (problem) {
    card.button.disabled = false;
    form.explain(problem);
  }
}

/** Jobs of another device that are being asked for. */
const asked = new Set();

/** One event of the stream. */
function hear(kind, data) {
  const job = jobs.get(data.job);
  if (kind === "done") return data.result ? take(data.result) : forget(data.job);
  if (!job) return void meet(data.job);
  if (kind === "preview") return cards.get(job.id)?.preview(data.index, data.image);
  if (kind === "status") take({ ...job, status: data.status, eta_s: null });
  if (kind === "progress") take({ ...job, status: "running", ...ahead(job, data.progress) });
  if (kind === "output" && !job.outputs.some((each) => each.id === data.output.id)) {
    take({ ...job, outputs: [...job.outputs, data.output] });
  }
}

/** The time left shrinks with the steps until the server is asked again. */
function ahead({ progress: before, eta_s }, progress) {
  const left = eta_s && before && before.fraction < 1;
  const share = left ? (1 - progress.fraction) / (1 - before.fraction) : 0;
  return { progress, eta_s: left ? eta_s * share : null };
}

async function meet(id) {
  if (asked.has(id)) return;
  asked.add(id);
  await reread(id);
  asked.delete(id);
}

function forget(id) {
  jobs.delete(id);
  drop(id);
  arrange();
}

/** Read what may have changed while nobody listened. */
async function refresh() {
  try {
    const page = await api.list();
    if (next === undefined) next = page.next;
    page.jobs.forEach(take);
    const seen = new Set(page.jobs.map((job) => job.id));
    for (const { job } of underWay()) if (!seen.has(job.id)) await reread(job.id);
    arrange();
    await workers();
  } catch (problem) {
    stumble(problem);
  }
}

async function workers() {
  const models = await api.models();
  form.offer(models);
  if (away) return;
  notice(models.some((each) => each.live) ? "" : "No worker is running. Pictures wait for one.");
}

async function reread(id) {
  try {
    take(await api.get(id));
  } catch (problem) {
    if (problem instanceof api.Problem && problem.status === 404) forget(id);
    else stumble(problem);
  }
}

/** Say that something failed which nobody asked for; it is tried again. */
function stumble(problem) {
  if (!(problem instanceof api.Problem)) throw problem;
  if (problem.status) return notice(problem.message);
  if (!away) setTimeout(reconnect, 1000);
  lost();
}

async function more() {
  older.disabled = true;
  try {
    const page = await api.list(next);
    next = page.next;
    page.jobs.forEach(take);
    arrange();
  } catch (problem) {
    form.explain(problem);
  }
  older.disabled = false;
}

async function look() {
  if (document.hidden || looking) return;
  looking = true;
  if (connection.textContent) await refresh();
  else {
    const first = underWay().slice(0, 10);
    for (const { job } of first) await reread(job.id);
    if (first.some(({ job }) => job.status === "queued")) await workers().catch(stumble);
  }
  looking = false;
}

const underWay = () => [...cards.values()].filter(({ job }) => !ended(job));

function opened() {
  away = false;
  void refresh();
}

function lost() {
  away = true;
  notice("Connection lost. Trying again…");
}

function notice(text) {
  if (connection.textContent !== text) connection.textContent = text;
}

function tell(text) {
  said.textContent = text;
}
