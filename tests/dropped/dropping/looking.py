"""Dropping a file while a phone's page is open, and comparing a picture with stock's."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.dropped.conftest import Stock
from tests.dropped.dropping.everything import SD1, Dropped, told
from tests.dropped.dropping.room import Room, difference
from tests.dropped.test_checkpoints import ASKED
from tests.web.browser import chromium
from tests.web.models.test_room import kind, shown

STEPS, SEED = 3, 5


@contextmanager
def phone(url: str) -> Iterator[Page]:
    """The room of models on a phone, once it shows what there is."""
    with chromium() as browser:
        context = browser.new_context(
            locale="en-US",
            viewport={"width": 390, "height": 844},
            has_touch=True,
            is_mobile=True,
        )
        page = context.new_page()
        page.goto(f"{url}/#/models")
        expect(shown(page, "").first).to_be_visible()
        yield page


def opened(stock: Stock, file: Path) -> Any:
    """Stock diffusers' pipeline of the first model."""
    kept: list[Any] = []

    def keep(pipe: Any, folder: Path) -> Any:
        kept.append(pipe)
        return pipe

    stock(SD1, file, seed=SEED, change=keep, num_inference_steps=1, **ASKED)
    return kept[0]


def dropped(file: Path, models: Path, of: Dropped, page: Page) -> float:
    """Copy a file in; the seconds from then on until the open page shows it."""
    folder = models / of.folder
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, folder / file.name)
    copied = time.monotonic()
    if of.shown != "Models":
        kind(page, of.shown).tap()
    card = page.get_by_role("button", name=f"About {file.stem}", exact=True)
    expect(card).to_be_visible(timeout=60_000)
    return time.monotonic() - copied


def far(room: Room, stock: Stock, of: Dropped, base: Path, file: Path) -> int:
    """The most by which a picture with a file differs from stock's; `base` is the first model."""
    model = file.stem if of.checkpoint else base.stem
    made = room.picture(model=model, seed=SEED, steps=STEPS, **ASKED | dict(of.asked))
    said = {"guidance_scale": 7.5, "num_inference_steps": STEPS, "seed": SEED} | ASKED
    said |= told(file, of)
    return difference(made, stock(of.checkpoint or SD1, file if of.checkpoint else base, **said))
