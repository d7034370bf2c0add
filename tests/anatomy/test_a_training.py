"""From a training to its story on the page: the recipe at a tiny size, a server, a browser."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from models.recipe import __main__ as recipe
from tests.model.plain import prepare
from tests.running.paths import API
from tests.running.site import site_in
from tests.web.browser import PHONE, chromium

STEPS = 12

pytestmark = [
    pytest.mark.slow,
    # diffusers' DPM-Solver++ calls numpy on a tensor in a way that numpy 2 is about to end.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def told(page: Page, url: str, model: str) -> None:
    page.goto(f"{url}/#/anatomy/part%3Dtaught%26model%3D{model}")
    expect(page.get_by_role("heading", name="Loss while it learned")).to_be_visible()
    expect(page.get_by_role("img", name="Loss while it learned")).to_be_visible()
    ages = page.locator(".ages figure")
    expect(ages.first).to_contain_text("after 1 step")
    expect(ages.last).to_contain_text(f"after {STEPS} steps")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.timeout(900)
def test_a_training_is_told_by_the_api_and_on_the_page(tmp_path: Path):
    flags = ["--preset", "tiny", "--device", "cpu", "--stages", "autoencoder,diffusion,export"]
    flags += [
        "--data",
        str(prepare(tmp_path / "emoji.npz", ["3d"])),
        "--work",
        str(tmp_path / "run"),
    ]
    flags += ["--output", str(tmp_path / "taught"), "--steps", str(STEPS)]
    assert recipe.main(flags) == 0
    catalogue = tmp_path / "models.toml"
    catalogue.write_text('[models.taught]\nsource = "taught"\nsteps = 4\n')
    with chromium() as browser, site_in(tmp_path / "data", models=catalogue) as site:
        story = httpx.get(f"{site.url}{API}/models/taught/training", timeout=60).json()
        assert [each["step"] for each in story["curve"]] == [1, STEPS]
        assert all(each["loss"] > 0 for each in story["curve"])
        assert not story["continued"]
        assert [each["step"] for each in story["grids"]] == [1, STEPS]
        assert len(story["prompts"]) == 16
        assert story["grids"][0]["picture"].startswith("data:image/webp;base64,")
        phone = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True)
        page = phone.new_page()
        page.set_default_timeout(60_000)
        told(page, site.url, "taught")
        phone.close()
