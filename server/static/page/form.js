/** The form: what is asked for, and what the server said was wrong with it. */
import { Problem } from "./api.js";
import { sentence } from "./words.js";

const form = document.getElementById("form");
const prompt = document.getElementById("prompt");
const model = document.getElementById("model");
const more = document.getElementById("more");
const formError = document.getElementById("form-error");
const chosen = document.getElementById("chosen");

const NUMBERS = ["count", "steps", "width", "height", "guidance_scale", "seed"];

/** Set by "Same again" and "Change it"; there is no field for it on this page. */
let sampler = "";

/** The models. */
let offered = [];

const usual = () => offered.find((each) => each.default) ?? offered[0];

const control = (name) => form.elements.namedItem(name);

/** `send` gets what was filled in; what it throws is explained beside the fields. */
export function start(send) {
  for (const field of form.querySelectorAll("[name]")) {
    const line = document.createElement("span"); // in the label, so it is read with the field
    line.className = "error";
    field.after(line);
  }
  prompt.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  form.addEventListener("input", summarize);
  model.addEventListener("change", defaults);
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    fill({ prompt: prompt.value });
    forget();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    forget();
    const wrong = unreadable();
    if (wrong) return explain(wrong);
    form.setAttribute("aria-busy", "true");
    try {
      await send(read());
      if (matchMedia("(pointer: coarse)").matches) prompt.blur(); // the keyboard hides the picture
    } catch (problem) {
      explain(problem);
    } finally {
      form.removeAttribute("aria-busy");
    }
  });
}

export function offer(models) {
  if (JSON.stringify(models) === JSON.stringify(offered)) return;
  offered = models;
  const before = model.value;
  model.replaceChildren(...models.map((each) => new Option(each.title || each.name, each.name)));
  model.value = models.some((each) => each.name === before) ? before : usual()?.name;
  defaults();
}

/** Say in each empty field what the model does by itself. */
function defaults() {
  const card = offered.find((each) => each.name === model.value);
  if (!card) return;
  for (const name of ["steps", "width", "height", "guidance_scale"]) {
    control(name).placeholder = card[name];
  }
  for (const name of ["width", "height"]) control(name).step = card.factor;
  summarize();
}

/** What was filled in; the server chooses the rest. */
function read() {
  const input = { prompt: prompt.value };
  for (const name of NUMBERS) {
    const value = control(name).value;
    if (value) input[name] = Number(value);
  }
  const without = control("negative_prompt").value.trim();
  if (without) input.negative_prompt = without;
  if (model.value) input.model = model.value;
  if (sampler) input.sampler = sampler;
  return input;
}

/** Put a recipe in the form; what it leaves out goes back to the default, which shows as empty. */
export function fill(input) {
  const card = offered.find((each) => each.name === input.model) ?? usual();
  const special = (name) => (input[name] === card?.[name] ? "" : (input[name] ?? ""));
  for (const name of ["prompt", "negative_prompt", ...NUMBERS]) control(name).value = special(name);
  sampler = special("sampler");
  model.value = card?.name;
  defaults();
}

/** Open the form for changing what was filled in. */
export function focus() {
  prompt.focus();
  form.scrollIntoView({ block: "start" });
}

/** Beside the folded "More": what in it differs from the defaults. */
function summarize() {
  const value = (name) => control(name).value;
  chosen.textContent = [
    value("count") && value("count") !== "1" && `${value("count")} pictures`,
    (value("width") || value("height")) &&
      ["width", "height"].map((name) => value(name) || control(name).placeholder).join(" × "),
    value("steps") && `${value("steps")} steps`,
    value("guidance_scale") && `guidance ${value("guidance_scale")}`,
    value("seed") && `seed ${value("seed")}`,
    value("negative_prompt") && `without ${value("negative_prompt")}`,
    model.value !== usual()?.name && model.value,
    sampler,
  ]
    .filter(Boolean)
    .join(", ");
}

/** A number field that holds no number reads as empty, so the browser's own word is asked. */
function unreadable() {
  const errors = NUMBERS.filter((name) => control(name).validity.badInput).map((name) => ({
    pointer: `/${name}`,
    detail: "must be a number",
  }));
  return errors.length ? new Problem("", errors) : null;
}

/** Say what was wrong, beside the field where it is one's fault, and go there. */
export function explain(problem) {
  const known = problem instanceof Problem ? problem : new Problem(String(problem));
  let first = null;
  const rest = [];
  for (const { pointer, detail } of known.errors) {
    const name = pointer.split("/")[1];
    const field = name && control(name);
    if (!field) {
      rest.push(name ? `${name} ${detail}` : detail);
      continue;
    }
    field.nextElementSibling.textContent = sentence(detail);
    field.setAttribute("aria-invalid", "true");
    if (more.contains(field)) more.open = true;
    first ??= field;
  }
  formError.textContent = first && !rest.length ? "" : sentence(rest.join("; ") || known.message);
  if (first) first.focus();
  else formError.scrollIntoView({ block: "nearest" });
}

function forget() {
  formError.textContent = "";
  for (const line of form.querySelectorAll("span.error")) line.textContent = "";
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
}
