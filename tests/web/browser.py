"""The Chromium that is on this machine, and the sizes that the page is looked at in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect, sync_playwright

from tests.running.paths import REPOSITORY

NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)

FLAGS = [
    "--no-sandbox",  # a container has no user namespaces to build one from
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
]

AXE = REPOSITORY / "clients" / "web" / "node_modules" / "axe-core" / "axe.min.js"

NO_CHROMIUM = "no Chromium is on the PATH; Debian, Ubuntu: sudo apt install chromium"

BROKEN = """elements => elements.flatMap((element) => {
  const walk = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const broken = [];
  while (walk.nextNode()) {
    const { currentNode } = walk;
    for (const { index, 0: word } of currentNode.data.matchAll(/\\S+/g)) {
      const range = document.createRange();
      range.setStart(currentNode, index);
      range.setEnd(currentNode, index + word.length);
      if (range.getClientRects().length > 1) broken.push(word);
    }
  }
  return broken;
})"""
"""The words of elements that end on another line than they begin on."""

PHONE = ViewportSize(width=360, height=740)
DESK = ViewportSize(width=1440, height=900)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A Chromium found on the PATH; without one the test is skipped, saying so."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(NO_CHROMIUM)
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


def violations(page: Page) -> list[str]:
    """What axe finds on a page, each with where."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("async () => (await axe.run()).violations")
    return [f"{each['id']}: {node['html']}" for each in found for node in each["nodes"]]


def broken_words(elements: Locator) -> list[str]:
    """Words that are broken in the middle, for want of room."""
    return elements.evaluate_all(BROKEN)
