"""What a tap in the room of models does shows at once, on a phone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, expect

from tests.tiny.models import save_tiny
from tests.web.browser import PHONE
from tests.web.conftest import Site, Visit
from tests.web.form import NETWORK, PROMPT
from tests.web.models.test_room import shown


def top(page: Page) -> float:
    return page.evaluate("scrollY")


def test_a_model_that_starts_from_a_picture_says_so_before_and_after_one_asks(
    visit: Visit, site: Site
):
    save_tiny("sd1-inpainting", site.data / "models" / "mender")
    page = visit(PHONE, path="#/models")
    use = page.get_by_role("button", name="Use it: mender")
    use.scroll_into_view_if_needed()
    use.tap()
    note = page.get_by_text("mender starts from a picture: take a photo, or choose one.")
    expect(note).to_be_in_viewport()
    assert top(page) == 0
    page.get_by_label(PROMPT).fill("a hat")
    page.get_by_role("button", name="Make it").tap()
    expect(page.get_by_role("alert").filter(has=note).or_(note)).to_be_in_viewport()
    expect(page.locator(".card", has_text="a hat")).to_have_count(0)
    page.get_by_role("button", name="Reset", exact=True).tap()
    expect(note).to_have_count(0)
    (site.data / "models" / "mender").rename(site.data / "mender")


@pytest.mark.slow
def test_what_is_switched_off_while_it_is_open_does_not_come_up_by_itself(visit: Visit):
    page = visit(PHONE, path="#/models")
    page.get_by_role("button", name="About Large").tap()
    page.get_by_role("button", name="Switch off", exact=True).tap()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Switch on large").tap()
    expect(shown(page, "Large")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_role("button", name="Add a model").tap()
    page.get_by_role("button", name="Look", exact=True).tap()
    expect(page.get_by_label("By its name or a link")).to_be_focused()


def test_a_file_that_is_no_use_is_not_sent_to_its_end(visit: Visit, tmp_path: Path):
    header = {"double_blocks.0.img_attn.norm.key_norm.scale": [20_000_000]}
    size = 4 * 20_000_000
    named = {
        name: {"dtype": "F32", "shape": shape, "data_offsets": [0, size]}
        for name, shape in header.items()
    }
    text = json.dumps(named).encode()
    file = tmp_path / "flux.safetensors"
    with file.open("wb") as opened:
        opened.write(len(text).to_bytes(8, "little") + text)
        opened.truncate(8 + len(text) + size)
    page = visit(PHONE, path="#/models", noise=NETWORK)
    pieces: list[str] = []

    def note(request: Request) -> None:
        if request.method == "PATCH":
            pieces.append(request.url)

    page.on("request", note)
    page.get_by_role("button", name="Add a model").tap()
    page.get_by_label("Choose a file").last.set_input_files(file)
    row = page.get_by_role("region", name="Being added").get_by_role("listitem")
    expect(row.get_by_role("alert")).to_contain_text("Flux")
    assert len(pieces) == 1
    row.get_by_role("button", name="Throw it away").tap()
    expect(row).to_have_count(0)
