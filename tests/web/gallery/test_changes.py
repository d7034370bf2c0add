"""Pictures are deleted, and asked for again, from the viewer."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import expect

from jobs.queue import queue
from tests.running.paths import API
from tests.running.waiting import until
from tests.web.conftest import Visit
from tests.web.gallery.looking import first, gallery, grid
from tests.web.gallery.wall import Wall

pytestmark = pytest.mark.timeout(180)


def test_a_deletion_can_be_undone_and_is_done_when_its_toast_has_gone(visit: Visit, site: Wall):
    kept, gone = site.make("to be kept"), site.make("to go", count=3)
    page = gallery(visit)
    first(page, "to be kept").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Picture deleted.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    page.keyboard.press("Escape")
    expect(first(page, "to be kept")).to_be_visible()
    first(page, "to go").click()
    page.get_by_role("button", name="Delete").click()
    page.keyboard.press("Escape")
    left = grid(page).locator("a[aria-label^='to go']")
    expect(left).to_have_count(2)
    page.get_by_role("button", name="Undo").click()
    expect(left).to_have_count(3)
    first(page, "to go").click()
    page.clock.install()
    page.get_by_role("button", name="Delete").click()
    said = page.locator(".toast", has_text="Picture deleted.")
    expect(said.locator("img")).to_be_visible()
    page.keyboard.press("Escape")
    expect(left).to_have_count(2)
    page.clock.run_for(11_000)
    said.hover()
    page.clock.run_for(20_000)
    assert len(site.pictures(gone)) == 3
    page.mouse.move(1, 1)
    page.clock.run_for(11_000)
    expect(said).to_be_visible()
    page.clock.run_for(2_000)
    until(lambda: len(site.pictures(gone)) == 2)
    page.reload()
    expect(left).to_have_count(2)
    assert site.has(kept)


@pytest.mark.slow
def test_a_card_deletes_all_pictures_of_its_job(visit: Visit, site: Wall):
    gone = site.make("all to go", count=3)
    page = visit()
    card = page.get_by_role("article", name="all to go")
    card.get_by_role("button", name="What to do with picture 2 of 3").click()
    page.get_by_role("button", name="Delete all of this job").click()
    expect(page.get_by_text("3 pictures deleted.")).to_be_visible()
    expect(card).to_have_count(0)
    assert site.has(gone)
    until(lambda: not site.has(gone))


def test_a_deletion_is_done_when_the_page_is_left(visit: Visit, site: Wall):
    gone = site.make("left behind")
    page = gallery(visit)
    first(page, "left behind").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Picture deleted.")).to_be_visible()
    page.goto("about:blank")
    until(lambda: not site.has(gone), 10)


def test_same_again_and_vary_ask_for_what_they_say(visit: Visit, site: Wall):
    site.make("once more", seed=80, count=2)
    page = gallery(visit)
    first(page, "once more").click()
    page.get_by_role("button", name="Same again").click()
    expect(page.get_by_text("Asked for one more.")).to_be_visible()
    page.get_by_role("button", name="Vary").click()
    expect(page.get_by_text("Asked for one more.")).to_have_count(2)
    page.wait_for_timeout(500)
    jobs = httpx.get(f"{site.url}{API}/jobs?q=once+more").json()["jobs"]
    varied, again, _ = (job["input"] for job in jobs)
    assert (again["count"], again["variation_strength"]) == (1, 0)
    assert again["seed"] != 80
    assert (varied["seed"], varied["variation_strength"]) == (80, 0.2)
    for job in jobs[:2]:
        queue.cancel(site.redis, job["id"])


def test_each_further_variation_of_a_picture_goes_further(visit: Visit, site: Wall):
    site.make("varied again", seed=81)
    page = gallery(visit)
    first(page, "varied again").click()
    for count in range(1, 6):
        page.get_by_role("button", name="Vary").click()
        expect(page.get_by_text("Asked for one more.")).to_have_count(count)
        page.wait_for_timeout(700)  # sooner it would be a finger that tapped twice
    jobs = httpx.get(f"{site.url}{API}/jobs?q=varied+again").json()["jobs"]
    strengths = [job["input"]["variation_strength"] for job in jobs]
    assert strengths == [0.65, 0.65, 0.5, 0.35, 0.2, 0]
    for job in jobs[:5]:
        queue.cancel(site.redis, job["id"])


def test_shift_chooses_all_from_the_last_picture_to_this_one(visit: Visit, site: Wall):
    for place in range(5):
        site.make(f"in a row {place}")
    page = gallery(visit)
    page.get_by_role("button", name="Select").click()
    row = [
        grid(page).get_by_role("checkbox", name=f"in a row {place}", exact=True)
        for place in range(5)
    ]
    row[4].click()
    row[1].click(modifiers=["Shift"])
    chosen = page.get_by_role("toolbar", name="4 chosen")
    expect(chosen).to_be_visible()
    row[2].click()
    expect(row[2]).not_to_be_checked()
    row[0].click(modifiers=["Shift"])
    expect(page.get_by_role("toolbar", name="5 chosen")).to_be_visible()
    assert len(page.context.pages) == 1
