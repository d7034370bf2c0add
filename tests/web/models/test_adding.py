"""Adding, changing and deleting on the page, by an admin."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, Route, expect

from tests.web.browser import DESK, PHONE, violations
from tests.web.conftest import Site, Visit
from tests.web.form import NETWORK, submit
from tests.web.models.conftest import save_lora
from tests.web.models.test_room import kind, shown


def room(page: Page) -> Page:
    expect(shown(page, "Plain")).to_be_visible()
    return page


@pytest.mark.slow
def test_a_file_is_sent_looked_at_added_changed_and_deleted(
    visit: Visit, site: Site, tmp_path: Path
):
    submit(site, prompt="rain on a roof", steps=2)
    page = room(visit(PHONE, path="#/models"))
    file = tmp_path / "rain.safetensors"
    save_lora(site.data / "tiny", file, "Rain", {"wet streets": 9})
    page.get_by_role("button", name="Add a model").tap()
    expect(page.get_by_role("dialog", name="Add a model")).to_be_visible()
    assert violations(page) == []
    page.get_by_label("Choose a file").last.set_input_files(file)
    row = page.get_by_role("region", name="Being added").get_by_role("listitem")
    expect(row).to_contain_text("Style (LoRA)")
    expect(row).to_contain_text("wet streets")
    expect(row).to_contain_text(re.compile(r"one file \(.+ are free\)"))
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    row.get_by_role("button", name="Add it").tap()
    expect(page.get_by_role("region", name="Being added")).to_have_count(0)
    kind(page, "Styles").tap()
    expect(shown(page, "Rain")).to_be_visible()

    page.get_by_role("button", name="About Rain").tap()
    page.get_by_role("dialog", name="Rain", exact=True).get_by_role("button", name="Edit").tap()
    form = page.get_by_role("dialog", name="Edit Rain")
    form.get_by_label("Title").fill("Monsoon")
    form.get_by_label("Words for the prompt").fill("heavy rain, wet streets")
    form.get_by_role("button", name="Save").tap()
    about = page.get_by_role("dialog", name="Monsoon", exact=True)
    expect(about).to_contain_text("heavy rain, wet streets")

    about.get_by_role("button", name="Choose a picture").tap()
    pictures = page.get_by_role("dialog", name="A picture for Monsoon")
    pictures.get_by_role("button", name="Take this one: rain on a roof").tap()
    expect(pictures).to_have_count(0)
    cover = about.locator("img.cover")
    expect(cover).to_have_js_property("complete", True)
    assert cover.evaluate("(image) => image.naturalWidth") > 0

    about.get_by_role("button", name="Delete Monsoon").tap()
    about.get_by_role("group", name=re.compile("^Delete")).get_by_role(
        "button", name="Delete"
    ).tap()
    expect(page.locator(".toast").last).to_contain_text("Monsoon was deleted. That freed")
    expect(shown(page, "Monsoon")).to_have_count(0)
    assert not list((site.data / "models" / "loras").glob("rain*"))


@pytest.mark.slow
def test_an_upload_that_breaks_off_goes_on_where_it_was(visit: Visit, site: Site, tmp_path: Path):
    page = room(visit(path="#/models", noise=NETWORK))
    file = tmp_path / "mist.safetensors"
    save_lora(site.data / "tiny", file, "Mist", {"thin fog": 9})
    with file.open("r+b") as whole:
        # As large as three pieces; safetensors takes what its header does not name as broken.
        whole.truncate(9 << 20)
    sent: list[int] = []

    def answer(route: Route, request: Request) -> None:
        if request.method == "PATCH":
            sent.append(int(request.headers["upload-offset"]))
        if request.method == "PATCH" and len(sent) == 2:
            route.abort()
        else:
            route.continue_()

    page.route("**/uploads/*", answer)
    page.get_by_role("button", name="Add a model").click()
    page.get_by_label("Choose a file").last.set_input_files(file)
    row = page.get_by_role("region", name="Being added").get_by_role("listitem")
    expect(row.get_by_role("alert")).to_be_visible()
    assert sent == [0, 4 << 20, 4 << 20, 8 << 20]
    row.get_by_role("button", name=re.compile("Stop|Throw it away")).click()
    expect(row).to_have_count(0)


@pytest.mark.slow
def test_a_link_into_the_network_is_refused_with_the_reason(visit: Visit):
    page = room(visit(path="#/models", noise=NETWORK))
    page.get_by_role("button", name="Add a model").click()
    sheet = page.get_by_role("dialog", name="Add a model")
    sheet.get_by_label("By its name or a link").fill("https://10.0.0.1/x.safetensors")
    sheet.get_by_role("button", name="Look").click()
    expect(sheet.get_by_role("alert").first).to_contain_text(re.compile("address", re.I))


@pytest.mark.slow
def test_a_models_defaults_are_changed_for_everybody(visit: Visit, site: Site):
    page = room(visit(DESK, path="#/models"))
    page.get_by_role("button", name="About Other").click()
    about = page.get_by_role("dialog", name="Other", exact=True)
    about.get_by_role("button", name="Edit").click()
    form = page.get_by_role("dialog", name="Edit Other")
    form.get_by_label("Steps").fill("7")
    form.get_by_role("button", name="Save").click()
    expect(about).to_contain_text("7 steps")
    about.get_by_role("button", name="Edit").click()
    form.get_by_role("button", name="As its files say").click()
    expect(about).to_contain_text("3 steps")
