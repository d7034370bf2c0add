"""The room of anatomy in a real browser: it comes when it is opened, and a link opens all of it."""

from __future__ import annotations

from urllib.parse import quote, urlencode

import httpx
from playwright.sync_api import Locator, Page, expect

from tests.running.waiting import until
from tests.web.browser import PHONE, violations
from tests.web.conftest import Site, Visit
from tests.web.form import submit


def open_at(page: Page, site: Site, **state: object) -> None:
    page.goto("about:blank")
    page.goto(f"{site.url}/#/anatomy/{quote(urlencode(state))}")


def spread(canvas: Locator) -> int:
    """How far the darkest and the least dark place of a canvas over a picture are apart."""
    return canvas.evaluate(
        """canvas => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          const dark = data.filter((_, at) => at % 4 === 3);
          return Math.max(...dark) - Math.min(...dark);
        }"""
    )


def test_a_picture_says_how_it_was_made_on_a_phone(visit: Visit, site: Site):
    job = submit(site, prompt="red apple, 3d", steps=4, seed=7)
    until(lambda: httpx.get(f"{site.url}/api/v1/jobs/{job}").json()["status"] == "succeeded", 90)
    page = visit(PHONE, path=f"#/gallery/{job}-0")
    page.get_by_role("button", name="About this picture").click()
    page.get_by_role("button", name="How was this made?").click()
    expect(page.get_by_text("Step 1 of 4")).to_be_visible()
    for label in ("Noisy latents", "Predicted noise", "Clean guess", "What the prompt changes"):
        expect(page.get_by_role("img", name=label)).to_be_visible()
    page.get_by_role("slider").fill("3")
    expect(page.get_by_text("Step 4 of 4")).to_be_visible()
    apple = page.get_by_role("button", name="apple", exact=True)
    apple.tap()
    expect(apple).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text("The network was asked again without “apple”")).to_be_visible()
    lit = [page.locator(".lit canvas").nth(number) for number in range(2)]
    assert [spread(each) > 40 for each in lit] == [True, True]
    page.get_by_role("button", name="Where it was looked at").tap()
    expect(page.get_by_text("the picture looked at “apple” most")).to_be_visible()
    page.get_by_text("Formula, source, code").click()
    expect(page.locator("math").first).to_be_visible()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    # All of it is in the address: another device opens the same.
    page.wait_for_url("**step%3D3**")
    # What dresses this room leaves others as they were.
    page.get_by_role("link", name="Server").tap()
    heading = page.get_by_role("heading", name="What the server is doing").bounding_box()
    assert heading is not None
    assert heading["x"] < PHONE["width"] / 4
    page.get_by_role("button", name="Deutsch").tap()
    page.get_by_role("link", name="Anatomie").tap()
    expect(page.get_by_text("bisher auf Englisch")).to_be_visible()


def test_a_lesson_opens_by_its_link_in_vietnamese(visit: Visit, site: Site):
    page = visit(PHONE, locale="vi-VN")
    open_at(page, site, part="words", lesson="true", prompt="red giraffle", other="blue boat")
    expect(page.get_by_role("heading", name="4. Lời")).to_be_visible()
    expect(page.get_by_text("gần với: giraffe")).to_be_visible()
    expect(page.get_by_text("hiểu nó là “red giraffe”")).to_be_visible()
    page.get_by_role("button", name="Xem câu trả lời").click()
    expect(page.get_by_role("status").filter(has_text="chú ý chéo")).to_be_visible()
    page.get_by_role("button", name="Phần tiếp theo").click()
    expect(page.get_by_role("heading", name="5. Ít bước hơn")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_curve_begins_and_ends_above_its_first_and_last_step_on_a_desk(visit: Visit, site: Site):
    page = visit()
    open_at(page, site, part="drown")
    curve = page.get_by_role("img", name="Share of the picture")
    curve.wait_for(timeout=60_000)
    line = curve.locator("polyline").first.bounding_box()
    whole = curve.bounding_box()
    assert line is not None
    assert whole is not None
    assert line["width"] > 0.9 * whole["width"]


def test_a_word_that_the_model_never_saw_is_named_once(visit: Visit, site: Site):
    page = visit()
    open_at(page, site, part="words", prompt="a photograph 🐱 of a photograph 🐱")
    strangers = page.locator(".strangers").first.get_by_role("listitem")
    expect(strangers).to_have_text(
        ["photograph: not known whole", "<unk>: what the model has no token for"]
    )


def test_the_animation_of_a_walk_keeps_to_its_card_on_a_phone(visit: Visit, site: Site):
    page = visit(PHONE)
    open_at(page, site, part="fewer", over="words")
    page.get_by_role("button", name="Make the strip").tap()
    page.get_by_text("Animation and strip").tap(timeout=90_000)
    animation = page.get_by_role("img", name="All pictures, one after another")
    expect(animation).to_be_in_viewport()
    card = page.locator(".part").bounding_box()
    drawn = animation.bounding_box()
    assert card is not None
    assert drawn is not None
    assert drawn["x"] + drawn["width"] <= card["x"] + card["width"]
