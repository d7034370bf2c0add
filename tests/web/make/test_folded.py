"""What is folded away on the sheet of settings: it shows what it has where the finger is."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.web.browser import PHONE
from tests.web.conftest import Visit


def settings(page: Page) -> None:
    page.get_by_role("button", name="Settings").tap()
    page.get_by_role("dialog", name="Settings").wait_for()


def test_what_is_opened_at_the_end_of_the_sheet_comes_into_sight(visit: Visit):
    page = visit(PHONE)
    settings(page)
    last = page.get_by_role("dialog").get_by_text("More", exact=True)
    last.scroll_into_view_if_needed()
    last.tap()
    expect(page.get_by_label("Edges that meet")).to_be_in_viewport()
    expect(last).to_be_in_viewport()


def test_fields_that_were_folded_away_stand_apart(visit: Visit):
    page = visit(PHONE, reduced_motion="reduce")  # what is measured stands still
    settings(page)
    page.get_by_role("dialog").get_by_text("More", exact=True).tap()
    expect(page.get_by_label("Edges that meet")).to_be_in_viewport()
    helped = page.get_by_text("How far from the picture that this seed makes.").bounding_box()
    following = page.get_by_text("Clip skip").bounding_box()
    assert helped is not None
    assert following is not None
    assert following["y"] - helped["y"] - helped["height"] >= 12
