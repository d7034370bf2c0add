"""Albums, favourites, filters and many pictures at once, as a finger on a phone has them."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import httpx
from playwright.sync_api import Page, expect

from tests.running.paths import API
from tests.running.waiting import until
from tests.web.browser import PHONE
from tests.web.conftest import Site
from tests.web.form import jobs, submit

Visit = Callable[..., Page]


def finished(site: Site, **request: object) -> str:
    """A job that is done; its id."""
    fields = {"prompt": "red apple, 3d", "steps": 2} | request
    answer = httpx.post(
        f"{site.url}{API}/jobs", json=fields, headers={"Prefer": "wait=60"}, timeout=90
    )
    assert answer.json()["status"] == "succeeded", answer.text
    return answer.json()["id"]


def test_a_picture_becomes_a_favourite_goes_into_an_album_and_gets_a_link(visit: Visit, site: Site):
    job = finished(site)
    page = visit(PHONE, path=f"#/gallery/{job}-0")
    viewer = page.get_by_role("dialog")
    viewer.get_by_role("button", name="Favourite").tap()
    expect(viewer.get_by_role("button", name="Favourite")).to_have_attribute("aria-pressed", "true")
    viewer.get_by_role("button", name="Into an album").tap()
    page.get_by_label("New album").fill("Fruit")
    page.get_by_role("button", name="Create").tap()
    page.get_by_role("button", name="See it").tap()
    expect(page.get_by_role("button", name=re.compile("^Fruit"))).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(page.locator(".grid li")).to_have_count(1)
    found = httpx.get(f"{site.url}{API}/albums").json()["albums"]
    assert {each["name"]: each["count"] for each in found} == {"": 1, "Fruit": 1}
    page.locator(".grid a").first.tap()
    viewer.get_by_role("button", name="A link for somebody").tap()
    page.get_by_role("button", name="Make the link").tap()
    expect(page.get_by_role("img", name="The link as a QR code")).to_be_visible()
    url = page.get_by_label("The link", exact=True).input_value()
    path = url[url.index(API) :]
    assert httpx.get(site.url + path).headers["content-type"] == "image/png"


def test_many_pictures_are_chosen_fetched_as_one_file_and_deleted(
    visit: Visit, site: Site, tmp_path: Path
):
    gone = finished(site, count=2)
    kept = finished(site, prompt="rocket, flat")
    page = visit(PHONE, path="#/gallery")
    expect(page.locator(".grid li").nth(2)).to_be_visible()
    page.get_by_role("button", name="Select").tap()
    expect(page.get_by_role("toolbar")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("toolbar")).to_have_count(0)
    page.get_by_role("button", name="Select").tap()
    apples = page.get_by_role("checkbox", name=re.compile("red apple"))
    for each in range(2):
        apples.nth(each).tap()
    expect(page.get_by_role("status").filter(has_text="2 chosen")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as ZIP").tap()
    file = tmp_path / "all.zip"
    download.value.save_as(file)
    with ZipFile(io.BytesIO(file.read_bytes())) as archive:
        assert len(archive.namelist()) == 2
    page.get_by_role("button", name="Delete", exact=True).tap()
    expect(page.get_by_role("link", name=re.compile("rocket"))).to_be_visible()
    page.goto("about:blank")
    until(lambda: gone not in {each["id"] for each in jobs(site)})
    assert kept in {each["id"] for each in jobs(site)}


def test_filters_show_what_fits_them_and_say_so_where_nothing_does(visit: Visit, site: Site):
    finished(site)
    page = visit(PHONE, path="#/gallery")
    expect(page.locator(".grid li").first).to_be_visible()
    page.get_by_role("button", name="Filter").tap()
    page.get_by_label("Size").select_option("large")
    expect(page.get_by_text("No picture fits these filters.")).to_be_visible()
    page.get_by_role("button", name="Show all again").tap()
    page.get_by_label("Made", exact=True).select_option("today")
    expect(page.locator(".grid li").first).to_be_visible()


def tap_twice(page: Page, name: str) -> None:
    """A double tap on a button, the second of which lands on whatever is there by then."""
    box = page.get_by_role("button", name=name).bounding_box()
    assert box
    for pause in (150, 300):
        page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_timeout(pause)


def test_of_four_pictures_one_is_kept_from_its_own_place_on_the_card(visit: Visit, site: Site):
    job = submit(site, prompt="green heart, 3d", steps=2, count=4)
    page = visit(PHONE)
    card = page.locator(".card", has_text="green heart").first
    card.get_by_role("button", name="What to do with picture 3 of 4").scroll_into_view_if_needed()
    # The second tap of a double tap does nothing to what the first one brought.
    tap_twice(page, "What to do with picture 3 of 4")
    expect(page.get_by_role("dialog", name="Picture 3 of 4")).to_be_visible()
    expect(card.locator(".frame")).to_have_count(4)
    tap_twice(page, "A link for somebody")
    expect(page.get_by_role("button", name="Make the link")).to_be_visible()
    page.keyboard.press("Escape")
    card.locator(".frame a").first.tap()
    page.get_by_role("button", name="Delete").scroll_into_view_if_needed()
    tap_twice(page, "Delete")
    expect(page.get_by_text("Picture deleted.")).to_have_count(1)
    page.get_by_role("button", name="Undo").tap()
    page.get_by_role("dialog").get_by_role("button", name="Close").tap()
    card.get_by_role("button", name="What to do with picture 3 of 4").tap()
    page.get_by_role("button", name="Keep only this one").tap()
    expect(card.locator(".frame")).to_have_count(1)
    expect(page.get_by_text("3 pictures deleted.")).to_be_visible()
    page.goto("about:blank")

    def left() -> list[str]:
        return [made["id"] for each in jobs(site) if each["id"] == job for made in each["outputs"]]

    until(lambda: len(left()) < 2)
    assert left() == [f"{job}-2"]
