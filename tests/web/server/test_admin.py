"""What an admin sees of others, and gives them: their pictures, and how many they may have."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import expect

from jobs import devices
from jobs.connection import connect
from tests.running.paths import API
from tests.web.browser import PHONE
from tests.web.conftest import Site, Visit


@pytest.fixture
def anna(site: Site) -> Iterator[httpx.Client]:
    """Another user, who has made one picture."""
    with connect(site.redis_url) as redis:
        _, token = devices.create(redis, "Anna's laptop", owner="anna")
        devices.create(redis, "Ben's phone")
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=site.url + API, headers=headers, timeout=90) as client:
        asked = {"prompt": "blue heart", "steps": 2}
        answer = client.post("/jobs", json=asked, headers={"Prefer": "wait=60"})
        assert answer.json()["status"] == "succeeded", answer.text
        yield client


def test_an_admin_looks_at_a_users_pictures_and_says_how_many_more_there_may_be(
    visit: Visit, site: Site, anna: httpx.Client
):
    page = visit(PHONE, path="#/gallery")
    expect(page.get_by_text("No pictures yet", exact=False)).to_be_visible()
    page.get_by_role("button", name="Filter").tap()
    page.get_by_label("Whose").select_option(label="anna (Anna's laptop)")
    page.locator(".grid a").first.tap()
    expect(page.get_by_role("dialog").get_by_role("img").first).to_be_visible()
    expect(page.get_by_role("dialog").get_by_text("blue heart").first).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_label("Whose").select_option(label="mine")
    expect(page.locator(".grid a")).to_have_count(0)
    page.get_by_label("Whose").select_option(label="everybody's")
    expect(page.locator(".grid a")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

    page.get_by_role("link", name="Server").tap()
    quota = page.get_by_role("form", name="anna")
    quota.get_by_label("Pictures a day").fill("1")
    quota.get_by_role("button").tap()
    expect(page.get_by_text("Quotas of anna (Anna's laptop) are kept")).to_be_visible()
    # Who has no name but a code is called by the devices.
    expect(page.get_by_role("form", name="Ben's phone", exact=True)).to_be_visible()
    # What came before there was a limit is not of it.
    answers = [anna.post("/jobs", json={"prompt": "two red cats", "steps": 1}) for _ in range(2)]
    taken, refused = answers
    assert taken.status_code == 202
    assert refused.status_code == 429
    assert "a user's pictures in a day are limited to 1; 0 left" in refused.json()["detail"]
