"""What somebody does with the page, by the names that are read and heard on it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.browsers.webdriver import Driver, Refused

PATIENCE = 60
"""Seconds in which what is looked for has to appear."""

APART = 0.5
"""Seconds between two presses, which the page would take for a double tap otherwise."""

FIND = r"""
const [role, name] = arguments;
const roles = {
  article: "article",
  button: "button, [role=button], summary",
  checkbox: "input[type=checkbox]",
  dialog: "dialog[open], [role=dialog]",
  field: "input:not([type=file]), textarea, select",
  file: "input[type=file]",
  image: "img[alt], [role=img]",
  link: "a[href]",
  radio: "input[type=radio]",
};
const plain = (text) => (text ?? "").replace(/\s+/g, " ").trim();
const named = (each) => {
  const by = each.getAttribute("aria-labelledby")?.split(" ") ?? [];
  return plain(
    by.map((id) => document.getElementById(id)?.textContent).join(" ") ||
      each.getAttribute("aria-label") ||
      each.labels?.[0]?.textContent ||
      each.alt ||
      (each.matches("input, article, dialog") ? each.placeholder : each.textContent),
  );
};
// What lies under an open sheet is nobody's to press.
const open = (each) => each.getClientRects().length && !each.closest("[inert], [aria-hidden=true]");
const seen = (each) => role === "file" || open(each);
const there = [...document.querySelectorAll(roles[role])].filter(seen);
const exact = there.filter((each) => named(each) === name);
return exact.length ? exact : there.filter((each) => named(each).startsWith(name));
"""

TO_THE_MIDDLE = "arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })"

WATCH = """
window.wrong ??= [];
addEventListener("error", (event) => window.wrong.push(event.message || String(event.target.src)));
addEventListener("unhandledrejection", (event) => window.wrong.push(String(event.reason)));
"""

FORGET = """
const done = arguments[arguments.length - 1];
localStorage.clear();
sessionStorage.clear();
indexedDB.databases().then((all) =>
  Promise.all(all.map(({ name }) => new Promise((gone) => {
    const asked = indexedDB.deleteDatabase(name);
    asked.onsuccess = asked.onerror = asked.onblocked = gone;
  }))),
).then(() => done(true), () => done(false));
"""

SHOWN = """
return [...document.querySelectorAll(arguments[0])].filter((each) => each.getClientRects().length);
"""

BOX = """
const [element, done] = arguments;
const {x, y, width, height} = element.getBoundingClientRect();
setTimeout(() => done([x, y, width, height]), 200);
"""


class Hand:
    """Uses the page at an address, in one browser; each verb waits until it can be done."""

    def __init__(self, driver: Driver, url: str, pictures: Path) -> None:
        self.driver = driver
        self.url = url
        self._pictures = pictures
        self._pressed = 0.0

    def open(self, width: int, height: int, path: str = "") -> None:
        """As somebody who comes for the first time, with a screen of this size."""
        self.driver.go(f"{self.url}/api/v1/health")
        self.driver.wait(FORGET)
        self.driver.resize(width, height)
        self.driver.go(f"{self.url}/{path}")
        self.driver.run(WATCH)

    def go(self, place: str) -> None:
        self.driver.run("location.hash = arguments[0]", place)

    def find(self, role: str, name: str, which: int = 0) -> dict[str, str]:
        """The element of a role whose name is, or begins with, this."""
        return self._until(lambda: self.driver.run(FIND, role, name), f"{role} “{name}”", which)

    def shown(self, selector: str, which: int = 0) -> dict[str, str]:
        return self._until(lambda: self.driver.run(SHOWN, selector), selector, which)

    def press(self, role: str, name: str, which: int = 0) -> None:
        def pressed() -> list[Any]:
            found = self.driver.run(FIND, role, name)
            try:
                self.driver.click(found[which])
            except IndexError:
                return []
            except Refused as refused:
                # It moves, or what lies over it is about to go, or has to be scrolled away from.
                if refused.error not in ("element click intercepted", "stale element reference"):
                    raise
                if refused.error == "element click intercepted":
                    self.driver.run(TO_THE_MIDDLE, found[which])
                return []
            return [True]

        time.sleep(max(0.0, self._pressed + APART - time.monotonic()))
        self._until(pressed, f"{role} “{name}” that can be pressed")
        self._pressed = time.monotonic()

    def choose(self, name: str) -> None:
        """One of several, whose name is what is pressed."""
        self.driver.run("arguments[0].closest('label').click()", self.find("radio", name))

    def fill(self, name: str, text: str) -> None:
        field = self.find("field", name)
        self.driver.clear(field)
        self.driver.type(field, text)

    def give(self, name: str, file: Path) -> None:
        """A file where one is asked for."""
        self.driver.type(self.find("file", name), str(file))

    def stroke(self, selector: str, *places: tuple[float, float]) -> None:
        """Over an element, of which each place is a share across and down."""
        element = self.shown(selector)
        box = before = None
        while box is None or box != before:
            before = box
            box = self.driver.wait(BOX, element)
        x, y, width, height = box
        self.driver.drag(*((x + width * across, y + height * down) for across, down in places))

    def reads(self, text: str) -> None:
        """Wait until a text can be read."""
        there = "return document.body.innerText.includes(arguments[0]) ? [true] : []"
        self._until(lambda: self.driver.run(there, text), f"the text “{text}”")

    def count(self, selector: str, number: int) -> None:
        """Wait until so many are there, seen or not."""
        there = "return document.querySelectorAll(arguments[0]).length"
        self._until(
            lambda: [True] if self.driver.run(there, selector) == number else [],
            f"{number} of {selector}",
        )

    def look(self, name: str) -> None:
        """Nothing is cut off at the side, nothing went wrong; and a picture for those who look."""
        over, wrong = self.driver.run(
            "return [document.documentElement.scrollWidth - innerWidth, window.wrong]"
        )
        self._pictures.mkdir(parents=True, exist_ok=True)
        (self._pictures / f"{name}.png").write_bytes(self.driver.screenshot())
        assert over <= 0, f"{over} pixels are beyond the edge"
        assert wrong == [], wrong

    def _until(self, look: Any, what: str, which: int = 0) -> Any:
        end = time.monotonic() + PATIENCE
        while True:
            found = look()
            if found and len(found) > which:
                return found[which]
            if time.monotonic() > end:
                self._pictures.mkdir(parents=True, exist_ok=True)
                (self._pictures / "missing.png").write_bytes(self.driver.screenshot())
                raise AssertionError(f"{self.driver.name} does not show {what}")
            time.sleep(0.1)
