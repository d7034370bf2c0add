"""The form: a prompt, its settings and a picture to start from become a request."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.running.hand_worker import png
from tests.running.site import SIDE
from tests.web.browser import DESK, PHONE
from tests.web.conftest import Site
from tests.web.form import NETWORK, PROMPT, ask, card, done, jobs, submit

Visit = Callable[..., Page]

VIETNAMESE = {"locale": "vi-VN"}

WALL = ViewportSize(width=2560, height=1300)

PASTE = """(bytes) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], "x.png", { type: "image/png" }));
  const options = { bubbles: true, cancelable: true, clipboardData: data };
  document.activeElement.dispatchEvent(new ClipboardEvent("paste", options));
}"""


def settings(page: Page) -> None:
    """Open the sheet of a phone."""
    page.get_by_role("button", name="Settings").tap()


def test_a_newcomer_taps_an_example_and_sees_a_picture(visit: Visit):
    page = visit(PHONE)
    page.get_by_role("button", name="a cat and a rocket").tap()
    expect(page.get_by_label(PROMPT)).to_have_value("a cat and a rocket")
    picture = done(card(page, "a cat and a rocket"))
    expect(picture).to_have_attribute("alt", "a cat and a rocket")
    more = card(page, "a cat and a rocket").get_by_role("button", name="More", exact=True)
    expect(more).to_be_in_viewport()
    expect(page.get_by_role("status").filter(has_text="a cat and a rocket: done")).to_have_count(1)
    expect(page.get_by_text("Type what you would like to see")).to_have_count(0)


def test_words_that_the_model_was_never_taught_are_told_on_the_card(visit: Visit):
    made = ask(visit(), "zwei rote Katzen")
    done(made)
    expect(made).to_contain_text("emoji was never taught: zwei, Katzen")


def test_what_is_set_on_a_phone_is_asked_for_and_remembered(visit: Visit, site: Site):
    page = visit(PHONE)
    # What the newcomer's picture took was measured.
    expect(page.get_by_role("button", name="Make it")).to_have_accessible_description(
        re.compile(r"about \d+ sec")
    )
    settings(page)
    page.get_by_label("Steps, exactly").fill("5")
    page.get_by_label("Steps, exactly").press("Tab")
    page.locator(".ratio", has_text="16:9").tap()
    page.get_by_role("button", name="More pictures").tap()
    page.get_by_label("What should not be in it?").fill("leaves")
    page.get_by_label("Sampler").select_option("euler")
    page.get_by_label("Schedule").select_option("karras")
    page.get_by_role("button", name="Close").tap()
    page.get_by_label(PROMPT).fill("green heart, 3d")
    chips = page.get_by_label("Changed from the defaults")
    for text in ("128 \u00d7 72", "5 steps", "2 pictures", "Euler", "Karras", "without leaves"):
        expect(chips).to_contain_text(text)
    page.reload()
    expect(page.get_by_label(PROMPT)).to_have_value("green heart, 3d")
    expect(chips).to_contain_text("128 \u00d7 72")
    page.get_by_label(PROMPT).press("Enter")
    expect(card(page, "green heart, 3d").locator(".picture.shown")).to_have_count(2)
    asked = jobs(site)[0]["input"]
    assert (asked["width"], asked["height"], asked["steps"], asked["count"]) == (128, 72, 5, 2)
    assert (asked["sampler"], asked["schedule"]) == ("euler", "karras")
    assert asked["negative_prompt"] == "leaves"
    page.get_by_role("button", name="Reset", exact=True).tap()
    expect(page.get_by_label(PROMPT)).to_have_value("green heart, 3d")
    expect(chips).to_have_text("without leaves")


@pytest.mark.slow
def test_a_locked_seed_stays_and_a_rolled_one_is_for_one_picture(visit: Visit, site: Site):
    page = visit()
    page.get_by_role("button", name="Roll a seed").click()
    seed = int(page.get_by_label("Seed", exact=True).input_value())
    done(ask(page, "sun, flat", steps=2))
    expect(page.get_by_label("Seed", exact=True)).to_have_value("")
    ask(page, "moon, flat")
    done(card(page, "moon, flat"))
    page.get_by_label("Seed", exact=True).fill("77")
    expect(page.get_by_role("button", name="Keep this seed")).to_have_attribute(
        "aria-pressed", "true"
    )
    done(ask(page, "star, flat"))
    done(ask(page, "leaf, flat"))
    leaf, star, moon, sun = [job["input"]["seed"] for job in jobs(site)[:4]]
    assert (sun, star, leaf) == (seed, 77, 77)
    assert moon not in (seed, 77)


@pytest.mark.slow
def test_a_size_of_ones_own_is_rounded_to_what_the_model_takes(visit: Visit):
    page = visit()
    page.locator(".ratio", has_text="Custom").click()
    page.get_by_label("Width").fill("101")
    page.get_by_label("Width").press("Tab")
    expect(page.get_by_label("Width")).to_have_value("104")
    expect(page.locator("legend", has_text="Size")).to_contain_text(f"104 \u00d7 {SIDE}")
    page.get_by_role("button", name="Reset", exact=True).click()
    expect(page.get_by_label("Width")).to_have_count(0)


def test_what_the_server_refuses_is_said_beside_its_field_and_nothing_is_lost(
    visit: Visit, site: Site
):
    page = visit(PHONE, noise=NETWORK)
    before = len(jobs(site))
    page.get_by_role("button", name="Make it").tap()
    expect(page.locator(".prompt .error")).to_have_text("Say what the picture should show.")
    expect(page.get_by_label(PROMPT)).to_be_focused()
    page.get_by_label(PROMPT).fill("x" * 10_001)
    expect(page.locator(".prompt .error")).to_have_count(0)
    page.get_by_role("button", name="Make it").tap()
    expect(page.locator(".prompt .error")).to_have_text(
        "Must be at most 10000 characters; it has 10001."
    )
    page.get_by_label(PROMPT).fill("guitar, 3d")
    settings(page)
    page.get_by_label("Seed", exact=True).fill("99999999999")
    page.get_by_role("button", name="Close").tap()
    page.get_by_role("button", name="Make it").tap()
    seed = page.get_by_role("dialog").get_by_label("Seed", exact=True)
    expect(seed).to_be_focused()
    expect(seed).to_have_attribute("aria-invalid", "true")
    expect(seed).to_have_accessible_description(re.compile("^Must be less than 4294967296"))
    expect(seed).to_have_value("99999999999")
    expect(page.get_by_label(PROMPT)).to_have_value("guitar, 3d")
    expect(page.locator(".card[data-status=outgoing]")).to_have_count(0)
    assert len(jobs(site)) == before


def test_a_picture_from_the_gallery_is_where_the_next_one_starts(visit: Visit, site: Site):
    page = visit(PHONE)
    file = {"name": "me.png", "mimeType": "image/png", "buffer": png(96, 64, "orange")}
    page.locator("input[type=file]:not([capture])").set_input_files(file)
    start = page.get_by_role("group", name="Start from this picture")
    expect(start.get_by_role("img")).to_be_visible()
    assert page.locator("input[type=file][capture=environment]").count() == 1
    change = start.get_by_label("How much changes")
    change.fill("0.2")
    expect(change).to_have_attribute("aria-valuetext", "a little")
    page.reload()
    expect(start.get_by_role("img")).to_be_visible()
    page.get_by_label(PROMPT).fill("cat face, 3d")
    page.get_by_role("button", name="Make it").tap()
    done(card(page, "cat face, 3d"))
    made = jobs(site)[0]
    assert (made["kind"], made["input"]["strength"]) == ("image-to-image", 0.2)
    assert made["input"]["width"] > made["input"]["height"]
    start.get_by_text("Paint over").tap()
    page.get_by_role("button", name="Make it").tap()
    expect(start.get_by_role("alert")).to_have_text("Paint over what is to change first.")
    start.get_by_role("button", name="Remove the picture").tap()
    expect(start).to_have_count(0)


def test_a_picture_is_pasted_and_one_that_is_none_is_refused_in_a_sentence(visit: Visit):
    page = visit()
    page.get_by_label(PROMPT).focus()
    page.evaluate(PASTE, list(png()))
    expect(page.get_by_role("group", name="Start from this picture")).to_be_visible()
    page.get_by_role("button", name="Remove the picture").click()
    page.evaluate(PASTE, list(b"no picture"))
    expect(page.locator(".toast")).to_contain_text("cannot read that picture")


ROOM_FOR_ITS_RING = """(field) => {
  const { outlineWidth, outlineOffset } = getComputedStyle(field);
  const left = (element) => element.getBoundingClientRect().left;
  const ring = parseFloat(outlineWidth) + parseFloat(outlineOffset);
  return left(field) - left(field.closest("form")) - ring;
}"""


def test_the_keyboard_alone_makes_and_opens_a_picture(visit: Visit, site: Site):
    page = visit()
    expect(page.get_by_role("button", name="Model Emoji")).to_be_visible()
    page.get_by_label(PROMPT).focus()
    # The column that scrolls by itself cuts nothing of the ring off.
    assert page.get_by_label(PROMPT).evaluate(ROOM_FOR_ITS_RING) >= 0
    page.keyboard.type("house")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("flat")
    expect(page.get_by_label(PROMPT)).to_have_value("house\nflat")
    page.get_by_label(PROMPT).dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    expect(page.locator(".card", has_text="house")).to_have_count(0)
    page.get_by_label("Steps", exact=True).focus()
    page.keyboard.press("Home")
    page.keyboard.press("Control+Enter")
    done(card(page, "house"))
    assert jobs(site)[0]["input"]["steps"] == 1
    link = card(page, "house").get_by_role("link")
    link.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"#/gallery/\w+-0$"))


@pytest.mark.slow
def test_the_screen_speaks_vietnamese(visit: Visit):
    page = visit(PHONE, **VIETNAMESE)
    page.get_by_label("Bạn muốn thấy gì trong ảnh?").fill("rocket, 3d")
    page.get_by_role("button", name="Cài đặt").tap()
    expect(page.get_by_role("button", name="Mô hình Emoji")).to_be_visible()
    for label in ("Số bước", "Hạt giống", "Không muốn có gì trong ảnh?", "Bộ lấy mẫu"):
        expect(page.get_by_label(label, exact=True)).to_be_visible()
    page.get_by_role("button", name="Đóng").tap()
    page.get_by_role("button", name="Tạo ảnh", exact=True).tap()
    done(card(page, "rocket, 3d"))
    expect(page.get_by_role("heading", name="Ảnh mới nhất")).to_be_visible()
    expect(page.get_by_role("link", name="Mở rocket, 3d").first).to_be_visible()
    said = page.locator("main").inner_text()
    assert not re.search(r"\b(the|Make|Settings|Latest|Step)\b", said), said


@pytest.mark.parametrize(
    "size",
    [PHONE, *(pytest.param(each, marks=pytest.mark.slow) for each in (DESK, WALL))],
)
def test_nothing_is_wider_than_the_screen_or_too_small_for_a_thumb(
    visit: Visit, size: ViewportSize
):
    page = visit(size)
    page.get_by_label(PROMPT).fill("word" * 80)
    expect(page.locator(".card").first).to_be_visible()
    if size["width"] < 600:
        settings(page)
        page.locator(".ratio", has_text="Custom").tap()
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    for target in page.locator(
        "main :is(button, a, select, textarea, input:not(.unseen), .ratio, .use):visible"
    ).all():
        box = target.bounding_box()
        assert box
        assert min(box["height"], box["width"]) >= 44, target
    if size["width"] == 2560:
        tops = page.locator(".card").evaluate_all("all => all.map(each => each.offsetTop)")
        assert tops.count(tops[0]) >= min(5, len(tops))


def test_what_is_made_on_a_desk_comes_into_sight_of_who_looks_further_down(
    visit: Visit, site: Site
):
    for each in range(6):
        submit(site, prompt=f"green heart {each}", steps=1)
    page = visit(ViewportSize(width=1000, height=500))
    done(card(page, "green heart 5"))
    page.mouse.move(800, 300)
    page.mouse.wheel(0, 600)
    expect(card(page, "green heart 5")).not_to_be_in_viewport()
    expect(ask(page, "yellow star, flat", steps=2)).to_be_in_viewport()
    expect(page.get_by_label(PROMPT)).to_be_focused()


def test_the_buttons_of_small_pictures_leave_them_to_be_seen(visit: Visit, site: Site):
    submit(site, prompt="three small hearts", steps=1, count=4)
    page = visit(DESK)
    done(card(page, "three small hearts"))
    button = page.get_by_role("button", name="What to do with picture 1 of 4")
    width, circle = button.evaluate(
        "each => [each.offsetWidth, parseFloat(getComputedStyle(each, '::before').width)]"
    )
    assert width >= 44
    assert circle <= 32
    button.click()
    expect(page.get_by_role("dialog", name="Picture 1 of 4")).to_be_visible()
