"""The API's documentation in a browser: searched, dark where the screen is, and tried out."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.web.browser import DESK, PHONE
from tests.web.conftest import Site, Visit


@pytest.mark.slow
def test_a_route_is_found_and_tried_out(visit: Visit, site: Site):
    page = visit(DESK, path="api/v1/docs", color_scheme="dark")
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.url))
    page.get_by_label("Search the routes").fill("whether the api lives")
    expect(page.locator(".opblock-tag")).to_have_count(1)
    # What was found is seen without another tap; the list is as before once nothing is asked.
    page.get_by_label("Search the routes").fill("")
    expect(page.locator(".opblock-summary")).to_have_count(0)
    page.get_by_label("Search the routes").fill("whether the api lives")
    page.locator(".opblock-summary").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table .response-col_status").last).to_contain_text("200")
    assert asked
    assert all(url.startswith((site.url, "data:", "blob:")) for url in asked)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(int(each) for each in ground[4:-1].split(",")) < 64
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.evaluate("localStorage.setItem('darkroom.theme', 'light')")
    # The theme is the page's own, whatever it documents: that takes seconds to draw.
    nothing = {"openapi": "3.1.0", "info": {"title": "", "version": ""}, "paths": {}}
    page.route("**/openapi.json", lambda route: route.fulfill(json=nothing))
    page.reload()
    page.get_by_label("Search the routes").wait_for()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
