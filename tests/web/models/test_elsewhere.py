"""Models from the hub and from Civitai, on the page: looked at, begun, stopped, gone on with."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.adding.elsewhere import Elsewhere
from tests.web.browser import PHONE, violations
from tests.web.conftest import Visit
from tests.web.form import NETWORK
from tests.web.models.test_adding import room
from tests.web.models.test_room import kind, shown


def test_what_a_name_leads_to_is_shown_and_then_added(visit: Visit):
    page = room(visit(PHONE, path="#/models", noise=NETWORK))
    page.get_by_role("button", name="Add a model").tap()
    sheet = page.get_by_role("dialog", name="Add a model")
    source = sheet.get_by_label("By its name or a link")
    source.fill("someone/nothing")
    sheet.get_by_role("button", name="Look").tap()
    expect(sheet.get_by_role("alert").first).to_contain_text("someone/nothing")
    source.fill("someone/snow-lora")
    sheet.get_by_role("button", name="Look").tap()
    found = page.get_by_role("dialog").filter(has_text="deep snow")
    for text in ("Style (LoRA)", "mit", "one file", "free"):
        expect(found).to_contain_text(text)
    assert violations(page) == []
    found.get_by_label("Name for programs").fill("winter")
    found.get_by_role("button", name="Add it").tap()
    expect(page.locator(".toast")).to_contain_text("winter was added")
    kind(page, "Styles").tap()
    expect(
        page.get_by_role("button", name=re.compile("Use it: .*(now|winter)", re.I))
    ).to_be_visible()


def test_a_model_says_before_it_comes_whether_it_fits(visit: Visit):
    page = room(visit(PHONE, path="#/models"))
    page.get_by_role("button", name="Add a model").tap()
    sheet = page.get_by_role("dialog", name="Add a model")
    sheet.get_by_label("By its name or a link").fill("someone/tiny")
    sheet.get_by_role("button", name="Look").tap()
    memory = page.get_by_role("definition").filter(has_text="It fits")
    expect(memory).to_contain_text("its weights take")
    expect(memory).to_contain_text("of cpu")
    assert violations(page) == []


@pytest.mark.slow
def test_what_a_search_finds_is_stopped_gone_on_with_and_used(visit: Visit, elsewhere: Elsewhere):
    page = room(visit(path="#/models"))
    elsewhere.held.add("bright.safetensors")
    page.get_by_role("button", name="Add a model").click()
    sheet = page.get_by_role("dialog", name="Add a model")
    sheet.get_by_label("Where").select_option("Civitai")
    sheet.get_by_label("What to look for").fill("bright")
    sheet.get_by_role("button", name="Search the internet").click()
    tile = sheet.get_by_role("button", name="Bright days")
    expect(tile.locator("img")).to_have_js_property("naturalWidth", 320)
    tile.click()
    found = page.get_by_role("dialog", name="Bright days")
    expect(found).to_contain_text("sunny day")
    found.get_by_role("button", name="Add it").click()
    row = page.get_by_role("region", name="Being added").get_by_role("listitem")
    expect(row).to_contain_text("Fetched:")
    expect(row.get_by_role("progressbar")).to_have_attribute("value", re.compile(r"0\.[1-9]"))
    row.get_by_role("button", name=re.compile("^Stop")).click()
    expect(row).to_contain_text("It was stopped")
    elsewhere.held.clear()
    elsewhere.gate.set()
    row.get_by_role("button", name=re.compile("^Go on")).click()
    expect(row).to_have_count(0)
    kind(page, "Styles").click()
    expect(shown(page, "Bright days")).to_contain_text("sunny day")
