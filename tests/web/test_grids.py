"""A grid on the page: what changes is chosen, all of it is made, and it is kept as one picture."""

from __future__ import annotations

import io
from pathlib import Path

import httpx
from PIL import Image
from playwright.sync_api import expect

from tests.running.paths import API
from tests.web.browser import PHONE, broken_words, violations
from tests.web.conftest import Site, Visit
from tests.web.form import NETWORK, PROMPT


def test_a_grid_is_asked_for_appears_under_its_labels_and_is_kept_as_one_picture(
    visit: Visit, site: Site, tmp_path: Path
):
    page = visit(PHONE, noise=NETWORK)
    page.get_by_label(PROMPT).fill("red apple, 3d")
    page.get_by_role("button", name="Grid of variants").tap()
    sheet = page.get_by_role("dialog", name="Grid of variants")
    sheet.get_by_role("combobox", name="Across").select_option("steps")
    sheet.get_by_label("Values, such as").fill("2 900")
    sheet.get_by_role("combobox", name="Down").select_option("words")
    sheet.get_by_label("Words that change").fill("apple")
    sheet.get_by_label("What takes their place").fill("apple\nheart")
    assert violations(page) == []
    sheet.get_by_role("button", name="Make 4 pictures").tap()
    expect(sheet.get_by_role("alert")).to_contain_text("Must be at most 150; it is 900")
    sheet.get_by_label("Values, such as").fill("1 2")
    sheet.get_by_role("button", name="Make 4 pictures").tap()
    card = page.get_by_role("article", name="Grid: red apple, 3d")
    expect(card.get_by_role("status")).to_have_text("4 of 4 done", timeout=120_000)
    expect(card.get_by_role("rowheader")).to_have_text(["apple", "heart"])
    expect(card.get_by_role("link")).to_have_count(4)
    expect(card.get_by_role("link").first).to_have_accessible_name("Steps: 1, apple: apple")
    expect(page.locator(".card")).to_have_count(1)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    with page.expect_download() as download:
        card.get_by_role("button", name="Save as one picture").tap()
    file = tmp_path / "grid.png"
    download.value.save_as(file)
    with Image.open(io.BytesIO(file.read_bytes())) as picture:
        assert picture.width > 512
        assert len(set(picture.convert("RGB").resize((32, 32)).get_flattened_data())) > 50
    # Whoever comes upon one of its pictures in the gallery finds the whole of it again.
    card.get_by_role("link").first.tap()
    page.get_by_role("button", name="About this picture").tap()
    page.get_by_role("button", name="Grid of variants").tap()
    sheet.get_by_role("link").nth(3).tap()
    expect(sheet).to_have_count(0)
    expect(page.get_by_role("dialog", name="red heart, 3d")).to_be_visible()
    page.go_back()
    expect(page.locator(".viewer")).to_have_count(0)
    card.get_by_role("button", name="Delete the grid").tap()
    # It asks at the same place: a double tap is no answer.
    page.wait_for_timeout(400)
    card.get_by_role("button", name="Delete the grid").tap()
    expect(card).to_have_count(0)
    assert httpx.get(f"{site.url}{API}/jobs").json()["jobs"] == []


def test_the_names_of_what_changes_are_not_broken_on_a_phone(visit: Visit, site: Site):
    page = visit(PHONE)
    page.get_by_label(PROMPT).fill("green star, flat")
    page.get_by_role("button", name="Grid of variants").tap()
    sheet = page.get_by_role("dialog", name="Grid of variants")
    # So many columns that none has room to spare.
    for name, axis, values in (("Across", "steps", "1 2 3 4 5"), ("Down", "guidance_scale", "1")):
        sheet.get_by_role("combobox", name=name).select_option(axis)
        sheet.get_by_label("Values, such as").last.fill(values)
    sheet.get_by_role("button", name="Make 5 pictures").tap()
    corner = page.get_by_role("article", name="Grid: green star, flat").locator("thead td")
    expect(corner).to_have_text("Guidance by Steps")
    assert broken_words(corner) == []
