"""What is wrong is said where it is seen, in the user's language; a tap does what it says, once."""

from __future__ import annotations

import base64
import re
import signal
from collections.abc import Callable

import httpx
from playwright.sync_api import Page, ViewportSize, expect

from tests.running.hand_worker import png
from tests.running.paths import API
from tests.running.site import SIDE
from tests.web.browser import DESK, PHONE
from tests.web.conftest import Site
from tests.web.form import NETWORK, PROMPT, card, done, jobs, submit

Visit = Callable[..., Page]


def choose(page: Page, width: int, height: int, colour: str = "orange") -> None:
    """Choose a picture to start from."""
    file = {"name": "me.png", "mimeType": "image/png", "buffer": png(width, height, colour)}
    page.locator("input[type=file]:not([capture])").set_input_files(file)


def test_enlarging_offers_what_fits_and_makes_one_picture_under_its_own_words(
    visit: Visit, site: Site
):
    submit(site, prompt="red apple, 3d", steps=2)
    strip = "data:image/png;base64," + base64.b64encode(png(4096, 8, "orange")).decode()
    submit(site, prompt="large already", kind="upscale", image=strip, scale=2, strength=0)
    page = visit(PHONE)
    done(card(page, "red apple, 3d"))
    page.get_by_role("button", name="Settings").tap()
    page.get_by_role("button", name="More pictures").tap()
    page.get_by_role("button", name="Close").tap()
    start = page.get_by_role("group", name="Start from this picture")
    words = page.get_by_label("Enlarging needs no words.")
    # As large as a picture may be that nothing is drawn into.
    card(page, "large already").get_by_role("button", name="More", exact=True).tap()
    page.get_by_role("button", name="Enlarge").tap()
    expect(start.locator(".start-picture")).to_contain_text("8192 \u00d7 16")
    expect(start).to_contain_text("this picture has no room left to grow. Save it as it is")
    make = page.get_by_role("button", name="Make it")
    expect(make).to_be_disabled()
    expect(make).not_to_contain_text("about")
    # What was wrong with a picture goes with it, and so does what was wrong with its kind.
    words.press("Control+Enter")
    expect(start.get_by_role("alert")).to_be_visible()
    start.get_by_text("Paint over", exact=True).tap()
    expect(page.get_by_role("alert")).to_have_count(0)
    start.get_by_text("Enlarge", exact=True).tap()
    words.press("Control+Enter")
    expect(start.get_by_role("alert")).to_be_visible()
    start.get_by_role("button", name="Remove").tap()
    expect(make).to_be_enabled()
    expect(page.get_by_role("alert")).to_have_count(0)
    choose(page, 4000, 3000)
    expect(start).to_contain_text(
        re.compile("4000\\s\u00d7\\s3000.? pixels. It is taken at .?2048\\s\u00d7\\s1536")
    )
    start.get_by_text("Paint over", exact=True).tap()
    expect(start).to_contain_text(re.compile("back into the picture of .?4000\\s\u00d7\\s3000"))
    expect(start).not_to_contain_text("It is taken at")
    # It grows from the pixels that it was taken in. Both are tapped at one place of the screen.
    page.wait_for_timeout(400)
    start.get_by_text("Enlarge", exact=True).tap()
    expect(start.get_by_role("group")).to_contain_text("6680 \u00d7 5010")
    expect(start).not_to_contain_text("It is taken at")
    expect(start.get_by_role("alert")).to_have_count(0)
    choose(page, 1600, 1200)
    start.get_by_text("Enlarge", exact=True).tap()
    start.get_by_text("4.18").tap()
    expect(start.get_by_role("group")).to_contain_text("6688 \u00d7 5016")
    expect(start).to_contain_text("4.18 \u00d7 (the most)")
    words.fill("four hearts")
    card(page, "red apple, 3d").get_by_role("button", name="More", exact=True).tap()
    page.get_by_role("button", name="Enlarge").tap()
    expect(start).to_contain_text(f"{2 * SIDE} \u00d7 {2 * SIDE}")
    page.get_by_role("button", name="Make it").tap()
    expect(page.locator(".card[data-status=succeeded]")).to_have_count(3, timeout=120_000)
    made = jobs(site)[0]
    asked = made["input"]
    assert (made["kind"], asked["strength"], asked["prompt"]) == ("upscale", 0, "red apple, 3d")
    assert [(each["width"], each["height"]) for each in made["outputs"]] == [(2 * SIDE, 2 * SIDE)]
    # What is done with a picture that fills the screen leads to where it is done.
    page.locator(".card .picture").last.tap()
    page.get_by_role("dialog").get_by_role("button", name="Enlarge").tap()
    expect(page.locator(".lit")).to_have_count(1)
    expect(page.locator(".lit")).to_have_count(0)
    expect(start.get_by_role("group")).to_be_in_viewport()


def test_what_makes_a_picture_is_in_reach_on_a_small_phone(visit: Visit):
    page = visit(ViewportSize(width=360, height=640))
    choose(page, 900, 1200)
    start = page.get_by_role("group", name="Start from this picture")
    start.get_by_text("Extend").tap()
    expect(start.get_by_role("img")).to_be_visible()
    places = page.get_by_role("navigation").bounding_box()
    send = page.get_by_role("button", name="Make it").bounding_box()
    assert places is not None
    assert send is not None
    assert send["y"] + send["height"] <= places["y"]


def test_a_double_tap_sends_one_job(visit: Visit, site: Site):
    page = visit(DESK)
    before = len(jobs(site))
    page.get_by_label(PROMPT).fill("sun, flat")
    page.get_by_role("button", name="Make it").dblclick()
    done(card(page, "sun, flat"))
    assert len(jobs(site)) == before + 1


def test_a_size_beyond_the_limits_is_said(visit: Visit):
    page = visit()
    page.locator(".ratio", has_text="Custom").click()
    page.get_by_label("Width").fill("77777")
    page.get_by_label("Width").press("Tab")
    expect(page.get_by_label("Width")).to_have_value("2048")
    expect(page.get_by_text("At most 2048 pixels here; 77777 were asked for.")).to_be_visible()


def test_the_servers_errors_are_said_in_vietnamese(visit: Visit):
    page = visit(PHONE, noise=NETWORK, locale="vi-VN")
    page.get_by_label("Bạn muốn thấy gì trong ảnh?").fill("x" * 10_001)
    page.get_by_role("button", name="Tạo ảnh", exact=True).tap()
    expect(page.locator(".prompt .error")).to_have_text("Nhiều nhất 10000 ký tự; hiện có 10001.")


def test_what_was_done_otherwise_is_said_in_vietnamese(visit: Visit, site: Site):
    submit(site, prompt="red apple, 3d", sampler="euler_a", schedule="karras", steps=1)
    page = visit(PHONE, locale="vi-VN")
    note = card(page, "red apple, 3d").get_by_text("Euler_a kh\u00f4ng theo karras", exact=False)
    expect(note).to_be_visible()


def test_the_way_back_closes_a_sheet_and_stays(visit: Visit):
    page = visit(PHONE)
    page.get_by_role("button", name="Settings").tap()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.evaluate("history.back()")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_label(PROMPT)).to_be_visible()
    page.get_by_role("button", name="Settings").tap()
    page.get_by_role("button", name="Close").tap()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Make it")).to_be_visible()
    # Loaded anew with something over it, the page has no step that leads nowhere.
    page.get_by_role("link", name="Server").tap()
    page.get_by_role("link", name="Make").tap()
    page.get_by_role("button", name="Settings").tap()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Make it")).to_be_visible()
    page.wait_for_function("history.state?.over === undefined")
    page.go_back()
    expect(page.get_by_role("heading", name="Colours")).to_be_visible()
    page.goto(page.url.partition("#")[0] + "#/gallery/%E0%A4%A")
    page.reload()
    expect(page.get_by_role("link", name="Gallery")).to_be_visible()


def test_many_jobs_are_a_queue_that_folds_and_ends_as_one(visit: Visit, site: Site):
    page = visit(PHONE)
    # Or it would be through with them before they are looked at.
    site.worker.send(signal.SIGSTOP)
    try:
        ids = [submit(site, prompt=f"star {each}, flat", steps=140, count=4) for each in range(6)]
        queue = page.get_by_role("region", name="Queue")
        expect(queue.get_by_role("listitem")).to_have_count(3)
        queue.get_by_role("button", name=re.compile("more$")).tap()
        expect(queue.get_by_role("listitem")).to_have_count(6)
        queue.get_by_role("button", name="Cancel all").tap()
        queue.get_by_role("button", name="Cancel all").tap()
        expect(queue).to_have_count(0)
        ended = {each["id"]: each["status"] for each in jobs(site)}
        assert {ended[each] for each in ids} == {"canceled"}
    finally:
        site.worker.send(signal.SIGCONT)


def test_same_again_leads_to_the_new_card(visit: Visit, site: Site):
    for each in range(4):
        submit(site, prompt=f"leaf {each}, flat", steps=1)
    page = visit(PHONE)
    last = page.locator(".card[data-status=succeeded]").last
    last.scroll_into_view_if_needed()
    before = len(jobs(site))
    last.get_by_role("button", name="Same again").dblclick()
    page.get_by_role("button", name="See it").tap()
    expect(page.locator(".card").first).to_be_in_viewport()
    assert len(jobs(site)) == before + 1
    last.scroll_into_view_if_needed()
    last.get_by_role("button", name="Use as input").tap()
    expect(page.get_by_role("group", name="Start from this picture")).to_be_in_viewport()


def test_a_style_is_kept_on_the_server_and_its_words_are_drawn(visit: Visit, site: Site):
    page = visit(PHONE)
    page.get_by_label(PROMPT).fill("ink drawing of {prompt}")
    page.get_by_role("button", name="Styles and presets").tap()
    page.get_by_label("Name").fill("Ink")
    page.get_by_role("dialog").get_by_role("button", name="Keep what the form says").tap()
    ink = page.get_by_role("dialog").get_by_role("button", name=re.compile("^Ink"))
    ink.tap()
    expect(ink).to_have_attribute("aria-pressed", "true")
    kept = httpx.get(f"{site.url}{API}/styles").json()["styles"]
    assert {"name": "Ink", "prompt": "ink drawing of {prompt}", "negative_prompt": ""} in kept
    page.get_by_role("button", name="Close").tap()
    page.get_by_label(PROMPT).fill("a fox")
    page.reload()
    expect(page.get_by_role("button", name="Leave the style \u201cInk\u201d")).to_be_visible()
    page.get_by_role("button", name="Make it").tap()
    done(card(page, "ink drawing of a fox"))
    page.get_by_role("button", name="Leave the style \u201cInk\u201d").tap()
    expect(page.get_by_role("button", name="Leave the style \u201cInk\u201d")).to_have_count(0)
    assert httpx.delete(f"{site.url}{API}/styles/Ink").status_code == 204


def test_a_preset_is_kept_used_and_handed_on_by_a_link(visit: Visit):
    page = visit()
    page.get_by_label(PROMPT).fill("ink drawing")
    page.get_by_label("Steps, exactly").fill("3")
    page.get_by_label("Steps, exactly").press("Tab")
    page.get_by_role("button", name="Styles and presets").click()
    page.get_by_label("All settings, as a preset of yours").check()
    page.get_by_label("Name").fill("Fast ink")
    page.get_by_role("dialog").get_by_role("button", name="Keep what the form says").dblclick()
    expect(page.get_by_role("button", name="Fast ink", exact=True)).to_be_visible()
    page.get_by_role("button", name="Close").click()
    page.get_by_label(PROMPT).fill("a fox")
    page.get_by_role("button", name="Styles and presets").click()
    page.get_by_role("button", name="Fast ink", exact=True).click()
    expect(page.get_by_label(PROMPT)).to_have_value("ink drawing")
    # {"prompt":"a boat","steps":7}
    page.goto(page.url.split("#")[0] + "#/make/eyJwcm9tcHQiOiJhIGJvYXQiLCJzdGVwcyI6N30")
    expect(page.get_by_label(PROMPT)).to_have_value("a boat")
    expect(page.get_by_label("Steps, exactly")).to_have_value("7")
