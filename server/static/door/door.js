/** The door: asks for a pairing code and makes this browser a device that may come in. */

const NEW_CODE = "On the server, “darkroom pair” shows a new one.";

/** What this device calls itself unless its user has a better name. */
function platform() {
  const agent = navigator.userAgent;
  const first = (names) => names.find(([pattern]) => pattern.test(agent))?.[1];
  // An iPad says that it is a Mac; a Mac has no touch screen.
  const touch = navigator.maxTouchPoints > 1;
  const system = first([
    [/iPhone/, "iPhone"],
    [/iPad/, "iPad"],
    [/Android.*Mobile/, "Android phone"],
    [/Android/, "Android tablet"],
    [/Mac OS X/, touch ? "iPad" : "Mac"],
    [/Windows/, "Windows"],
    [/CrOS/, "Chromebook"],
    [/Linux/, "Linux"],
  ]);
  const browser = first([
    [/Edg/, "Edge"],
    [/Firefox|FxiOS/, "Firefox"],
    [/SamsungBrowser/, "Samsung Internet"],
    [/Chrome|CriOS/, "Chrome"],
    [/Safari/, "Safari"],
  ]);
  return [browser, system].filter(Boolean).join(" on ") || "Browser";
}

function element(name, properties, ...content) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...content);
  return made;
}

async function pair(code, name) {
  let answer;
  try {
    answer = await fetch("/api/v1/pair", {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Darkroom-Request": "page" },
      body: JSON.stringify({ code, name, session: true }),
      signal: AbortSignal.timeout(15_000),
    });
  } catch {
    throw new Error("The server cannot be reached. Is this device on its network?");
  }
  if (answer.ok) return;
  const { type, detail } = await answer.json().catch(() => ({}));
  if (type !== "urn:darkroom:wrong-code") {
    throw new Error(detail || `The server answered ${answer.status}.`);
  }
  const known = await fetch("/api/v1/me").catch(() => ({}));
  const already = known.ok ? " But this device is paired already: just go on." : "";
  throw new Error(`This code was used, is wrong, or is older than ten minutes. ${NEW_CODE}${already}`);
}

/** Show the door in place of the page's content. `done` is called when this device is in. */
export function open(code = "", done = () => location.reload()) {
  const main = document.querySelector("main");
  const there = document.getElementById("door");
  if (there && !code) return; // somebody may be typing
  if (!document.querySelector("link[href$='door.css']")) {
    document.head.append(element("link", { rel: "stylesheet", href: "/static/door/door.css" }));
  }
  const letters = element("input", {
    value: code,
    autocomplete: "off",
    autocapitalize: "characters",
    spellcheck: false,
    placeholder: "K7QX-92MD",
    maxLength: 64,
  });
  const typed = element("label", { hidden: Boolean(code) }, "Code", letters);
  const name = element("input", { value: platform(), maxLength: 60, autocomplete: "off" });
  const button = element("button", { className: "primary" }, "Pair this device");
  const error = element("p", { className: "error" });
  error.setAttribute("role", "alert");
  const hint = code
    ? "It can make pictures here from then on, until it is removed."
    : `This server lets in devices that are paired. ${NEW_CODE.replace("a new one", "a code")}`;
  const form = element(
    "form",
    { id: "door", noValidate: true },
    element("h2", {}, "Pair this device"),
    element("p", {}, hint),
    typed,
    element("label", {}, "What to call this device", name),
    button,
    error,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    error.textContent = "";
    button.disabled = true;
    try {
      await pair(letters.value.trim(), name.value.trim() || platform());
      done();
    } catch (problem) {
      error.textContent = problem.message;
      typed.hidden = false;
      letters.select();
    }
    button.disabled = false;
  });
  there?.remove();
  main.hidden = true;
  main.before(form);
  if (!code) letters.focus();
}
