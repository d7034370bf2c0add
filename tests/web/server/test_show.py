"""The big screen: the newest pictures of the room, for whom the door lets in."""

from __future__ import annotations

from playwright.sync_api import expect

from jobs import devices
from jobs.connection import connect
from tests.running.addresses import lan_address
from tests.web.browser import DESK, PHONE, violations
from tests.web.conftest import Site, Visit
from tests.web.form import NETWORK, submit


def test_the_newest_picture_is_large_as_soon_as_it_is_made(visit: Visit, site: Site):
    submit(site, prompt="red apple, 3d", steps=2)
    page = visit(DESK, path="show")
    large = page.get_by_role("figure")
    expect(large).to_contain_text("red apple, 3d", timeout=90_000)
    submit(site, prompt="cat face, 3d", steps=2)
    expect(large).to_contain_text("cat face, 3d", timeout=90_000)
    expect(page.get_by_role("button", name="red apple, 3d")).to_be_visible()
    assert violations(page) == []
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Words").focus()
    page.keyboard.press("Enter")
    expect(large).not_to_contain_text("apple")
    page.get_by_role("link", name="Back to the gallery").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/#/gallery")
    page.set_viewport_size(DESK)
    page.get_by_role("link", name="Show on a big screen").click()
    expect(large).to_be_visible()


def test_a_stranger_sees_the_door_and_a_user_his_own_pictures(visit: Visit, site: Site):
    submit(site, prompt="red apple, 3d", steps=1)
    page = visit(DESK, noise=NETWORK, path="api/v1/health")
    page.goto(f"http://{lan_address()}:{site.url.rpartition(':')[2]}/show")
    with connect(site.redis_url) as redis:
        page.get_by_label("Code", exact=True).fill(devices.new_code(redis))
    page.get_by_role("button", name="Pair this device").click()
    expect(page.get_by_text("Pictures appear here as they are made.")).to_be_visible()
    expect(page.get_by_role("figure")).to_have_count(0)
    expect(page.get_by_role("button", name="Mine")).to_have_count(0)
