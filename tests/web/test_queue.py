"""The queue on the page: jobs change places by touch and keys; the way back leads where one was."""

from __future__ import annotations

import re
import signal

import httpx
from playwright.sync_api import Locator, expect

from tests.running.paths import API
from tests.running.waiting import until
from tests.web.browser import PHONE, violations
from tests.web.conftest import Site, Visit
from tests.web.form import submit

UNTIDY = """[...document.querySelectorAll('.queue li')].filter((row) => {
  const moves = row.querySelector('.moves');
  const line = row.querySelector('.standing p');
  const most = moves ? moves.getBoundingClientRect().left : innerWidth;
  const ends = [...line.children].map((each) => each.getBoundingClientRect().right);
  return line.clientHeight > 24 || Math.max(...ends) > most;
}).map((row) => row.innerText)"""
"""Rows of which a time takes two lines, or is under a button."""


def prompts(queue: Locator) -> list[str]:
    return [each.inner_text() for each in queue.locator(".words").all()]


def test_waiting_jobs_change_places_by_touch_and_keys(visit: Visit, site: Site):
    submit(site, prompt="finished, flat", steps=1)
    page = visit(PHONE)
    finished = page.locator(".card[data-status=succeeded]", has_text="finished, flat")
    expect(finished).to_be_visible()
    # Or it would be through with them before they are looked at.
    site.worker.send(signal.SIGSTOP)
    try:
        ids = [submit(site, prompt=f"star {each}, flat", steps=140, count=4) for each in range(13)]
        queue = page.get_by_role("region", name="Queue")
        expect(queue.get_by_role("listitem")).to_have_count(3)
        queue.get_by_role("button", name="Change the order").tap()
        expect(queue.get_by_role("listitem")).to_have_count(13)
        # Those under way take no finished picture's place.
        expect(finished).to_be_visible()
        # One may run: a worker that is stopped had taken it.
        before = prompts(queue)
        last = queue.get_by_role("group", name=re.compile(re.escape(before[-1])))
        last.get_by_role("button", name="To the front").tap()
        moved = queue.get_by_role("status").filter(has_text=f"{before[-1]}: now 1 of")
        expect(moved).to_have_count(1)
        first = next(n for n, each in enumerate(prompts(queue)) if each == before[-1])
        assert first <= 1
        assert [each for each in prompts(queue) if each != before[-1]] == before[:-1]
        # The keyboard stays with what it moved.
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        expect(last.get_by_role("button", name="Move down")).to_be_focused()
        page.keyboard.press("Enter")
        expect(queue.locator(".words").nth(first + 1)).to_have_text(before[-1])
        expect(last.get_by_role("button", name="Move down")).to_be_focused()
        assert violations(page) == []
        # However little room there is, a time stands on one line and runs into no button.
        assert page.evaluate(UNTIDY) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        queue.get_by_role("button", name="Cancel all").tap()
        queue.get_by_role("button", name="Cancel all").tap()
        expect(queue).to_have_count(0)
        # Nor do those that were canceled: they stand in one line, until that is cleared.
        canceled = page.get_by_text(re.compile(r"^1[23] canceled"))
        expect(canceled).to_be_visible()
        expect(finished).to_be_visible()
        canceled.get_by_role("button", name="Clear").tap()
        expect(canceled).to_have_count(0)
    finally:
        site.worker.send(signal.SIGCONT)
    assert len(ids) == 13


def test_closing_a_picture_leads_back_to_where_it_was_opened(visit: Visit, site: Site):
    jobs = [submit(site, prompt=f"leaf {each}, flat", steps=1) for each in range(5)]
    # While one is under way the page still grows and shrinks.
    addresses = [f"{site.url}{API}/jobs/{job}" for job in jobs]
    until(lambda: all(httpx.get(each).json()["status"] == "succeeded" for each in addresses), 90)
    page = visit(PHONE)
    last = page.locator(".card[data-status=succeeded]").nth(4)
    last.scroll_into_view_if_needed()
    here = page.evaluate("scrollY")
    assert here > 300
    last.locator(".frame a").tap()
    page.get_by_role("dialog").get_by_role("button", name="Close").tap()
    expect(last).to_be_in_viewport()
    assert abs(page.evaluate("scrollY") - here) < 40
