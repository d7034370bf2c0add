"""The form and the cards, as the tests of the page use them."""

from __future__ import annotations

from typing import Any

import httpx
from playwright.sync_api import Locator, Page, expect

from tests.web.conftest import Site

PROMPT = "What should the picture show?"

NETWORK = "Failed to load resource"
"""What Chromium itself says on the console of a request that failed or was refused."""

COLOURS = """async (image) => {
  await image.decode();
  const canvas = new OffscreenCanvas(32, 32);
  const paper = canvas.getContext("2d");
  paper.drawImage(image, 0, 0, 32, 32);
  return new Set(new Uint32Array(paper.getImageData(0, 0, 32, 32).data.buffer)).size;
}"""
"""Counts the colours of an image at 32 by 32: a blank one has one."""


def ask(page: Page, prompt: str, *, steps: int | None = None) -> Locator:
    """Type a prompt and press Enter, on a desk; the card of the job once the server has it."""
    if steps is not None:
        page.get_by_label("Steps, exactly").fill(str(steps))
        page.get_by_label("Steps, exactly").press("Tab")
    page.get_by_label(PROMPT).fill(prompt)
    page.get_by_label(PROMPT).press("Enter")
    return card(page, prompt)


def card(page: Page, prompt: str) -> Locator:
    """The newest card of this prompt."""
    return page.locator(".card", has_text=prompt).first


def done(card: Locator) -> Locator:
    """Wait for the picture of a card: it is there, loaded and not blank."""
    picture = card.locator(".picture.shown").first
    expect(picture).to_be_visible(timeout=120_000)
    expect(card).to_have_attribute("data-status", "succeeded")
    # A seed may well draw something small on white.
    assert picture.evaluate(COLOURS) > 8
    return picture


def jobs(site: Site) -> list[dict[str, Any]]:
    """The jobs as the server has them, newest first."""
    return httpx.get(f"{site.url}/api/v1/jobs").json()["jobs"]


def submit(site: Site, **request: object) -> str:
    """Ask for a picture as another device would; the job's id."""
    answer = httpx.post(f"{site.url}/api/v1/jobs", json=request)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]
