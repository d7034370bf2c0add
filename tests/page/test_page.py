"""What a person does with the page, in a real browser on a phone's and on a desk's screen."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.page.conftest import DESK, PHONE, Site

Visit = Callable[..., Page]

REFUSED = "Failed to load resource"
"""What Chromium itself says on the console of any answer that is an error."""

COLOURS = """async (image) => {
  await image.decode();
  const canvas = new OffscreenCanvas(32, 32);
  const paper = canvas.getContext("2d");
  paper.drawImage(image, 0, 0, 32, 32);
  return new Set(new Uint32Array(paper.getImageData(0, 0, 32, 32).data.buffer)).size;
}"""
"""Counts the colours of an image at 32 by 32: a blank one has one."""

sizes = pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])


def ask(page: Page, prompt: str, **fields: object) -> None:
    """Type a prompt, fill in fields under More, and press Enter."""
    if fields and page.locator("#more[open]").count() == 0:
        page.locator("summary").click()
    for name, value in fields.items():
        page.locator(f"[name={name}]").fill(str(value))
    page.get_by_label("What should the picture show?").fill(prompt)
    page.keyboard.press("Enter")


@sizes
def test_a_prompt_becomes_a_picture(visit: Visit, size: ViewportSize):
    page = visit(size)
    ask(page, "house, 3d", steps=40)
    card = page.locator(".card")
    expect(card.locator(".words")).to_have_text("house, 3d")
    expect(card.locator(".seen img")).to_have_attribute("src", re.compile("^data:image/jpeg"))
    expect(card.locator(".state")).to_have_text(re.compile(r"^\d+ %"))
    frame = card.locator(".frame").bounding_box()
    expect(card).to_have_attribute("data-status", "succeeded")
    expect(card.locator(".finished img")).to_be_visible()
    assert card.locator(".finished img").evaluate(COLOURS) > 50
    assert card.locator(".frame").bounding_box() == frame, "the page jumped"
    expect(page.locator("#said")).to_have_text("house, 3d: Done")


@sizes
def test_nothing_is_wider_than_the_screen_or_too_small_for_a_thumb(
    visit: Visit, size: ViewportSize
):
    page = visit(size)
    ask(page, "cat face, 3d " + "very" * 60, count=3, steps=4)
    expect(page.locator(".finished")).to_have_count(3)
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    for target in page.locator("button:visible, input:visible, select:visible, summary").all():
        box = target.bounding_box()
        assert box
        assert box["height"] >= 44, target
        assert box["width"] >= 44, target


def test_cancel_stops_a_job_and_leaves_the_other(visit: Visit):
    page = visit()
    ask(page, "rocket, 3d", steps=150, count=4)
    expect(page.locator(".card[data-status=running]")).to_have_count(1)
    ask(page, "umbrella, 3d", steps=20, count=1)
    expect(page.locator(".card")).to_have_count(2)
    page.locator(".card", has_text="rocket").get_by_role("button", name="Cancel").click()
    rocket = page.locator(".card", has_text="rocket")
    expect(rocket).to_have_attribute("data-status", "canceled")
    expect(rocket.locator(".state")).to_have_text("Canceled")
    umbrella = page.locator(".card", has_text="umbrella")
    expect(umbrella).to_have_attribute("data-status", "succeeded")


def test_reload_in_the_middle_finds_the_job_and_the_last_pictures(visit: Visit):
    page = visit(PHONE)
    ask(page, "sun, 3d", steps=4)
    expect(page.locator(".finished")).to_have_count(1)
    ask(page, "birthday cake, 3d", steps=150)
    expect(page.locator(".card[data-status=running]")).to_be_visible()
    page.reload()
    card = page.locator(".card")
    expect(card.locator(".words")).to_have_text("birthday cake, 3d")
    expect(card.locator(".seen")).to_be_visible()
    expect(page.get_by_role("button", name="sun, 3d").first).to_be_visible()
    expect(card).to_have_attribute("data-status", "succeeded")
    page.reload()
    expect(page.locator("#gallery li").first.get_by_role("img")).to_have_attribute(
        "alt", "birthday cake, 3d"
    )
    expect(page.locator("#tray")).to_be_hidden()


def test_same_again_makes_the_same_picture(visit: Visit):
    page = visit()
    ask(page, "blue heart, 3d", steps=6)
    page.locator(".finished").click()
    expect(page.locator("#viewer .words")).to_have_text("blue heart, 3d")
    recipe = page.locator("#viewer .recipe").inner_text()
    first = page.locator("#viewer img").get_attribute("src")
    assert "6 steps" in recipe
    page.get_by_role("button", name="Same again").click()
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator("#gallery li").first).to_be_visible()
    page.locator(".card[data-status=succeeded] .finished").click()
    expect(page.locator("#viewer .recipe")).to_have_text(recipe)
    second = page.locator("#viewer img").get_attribute("src")
    assert first
    assert second
    assert first != second
    assert (
        page.evaluate(
            """async (urls) => {
          const [a, b] = await Promise.all(urls.map(async (url) => {
            const image = await createImageBitmap(await (await fetch(url)).blob());
            const paper = new OffscreenCanvas(image.width, image.height).getContext("2d");
            paper.drawImage(image, 0, 0);
            return paper.getImageData(0, 0, image.width, image.height).data;
          }));
          return Math.max(...a.map((value, index) => Math.abs(value - b[index])));
        }""",
            [first, second],
        )
        <= 2
    )


def test_the_keyboard_alone_opens_turns_and_closes_pictures(visit: Visit):
    page = visit()
    ask(page, "tree, flat", count=2, steps=4)
    expect(page.locator(".finished")).to_have_count(2)
    page.locator(".finished").first.focus()
    page.keyboard.press("Enter")
    first = page.locator("#viewer .recipe").inner_text()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#viewer .recipe")).not_to_have_text(first)
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    expect(page.locator(".finished").first).to_be_focused()


def test_change_it_fills_the_form_with_the_recipe(visit: Visit):
    page = visit()
    ask(page, "guitar, 3d", steps=5, seed=77, width=96)
    page.locator(".finished").click()
    page.get_by_role("button", name="Back to the defaults", include_hidden=True).evaluate(
        "button => button.click()"
    )
    page.get_by_role("button", name="Change it").click()
    for name, value in {"prompt": "guitar, 3d", "steps": "5", "seed": "77", "width": "96"}.items():
        expect(page.locator(f"[name={name}]")).to_have_value(value)
    expect(page.locator("[name=height]")).to_have_value("")


def test_what_is_wrong_is_said_beside_its_field(visit: Visit):
    page = visit(noise=REFUSED)
    ask(page, "rocket, 3d", width=100)
    width = page.locator("label", has_text="Width")
    expect(width.locator(".error")).to_contain_text("multiple of 8")
    expect(width.locator("input")).to_be_focused()
    expect(width.locator("input")).to_have_attribute("aria-invalid", "true")
    ask(page, " ", width="")
    prompt = page.locator("label", has_text="What should the picture show?")
    expect(prompt.locator(".error")).to_contain_text("empty")
    expect(width.locator(".error")).to_be_empty()
    expect(page.locator(".card")).to_have_count(0)


@pytest.mark.parametrize(
    ("job", "said"),
    [
        ({"status": "queued", "queue_position": 0, "eta_s": None}, "Next in line"),
        ({"status": "queued", "queue_position": 1, "eta_s": 4.2}, "1 job before it, about 4 s"),
        ({"status": "queued", "queue_position": 9, "eta_s": 400}, "9 jobs before it, about 7 min"),
        ({"status": "running", "progress": None}, "Starting"),
        (
            {
                "status": "running",
                "progress": {"fraction": 0, "stage": "loading", "detail": "loading model, 40 %"},
            },
            "Loading model, 40 %",
        ),
        (
            {"status": "running", "progress": {"fraction": 0.385}, "eta_s": 0.2},
            "38 %, about 1 s left",
        ),
        ({"status": "failed", "error": {"detail": "it does not fit"}}, "It does not fit."),
    ],
)
def test_how_a_job_stands_is_said_in_words(visit: Visit, job: dict[str, object], said: str):
    state = "(job) => import('/static/page/words.js').then((words) => words.state(job))"
    assert visit().evaluate(state, job) == said


def test_a_waiting_job_tells_its_place_and_that_no_worker_is_there(visit: Visit, site: Site):
    page = visit()
    expect(page.locator("#model option")).to_have_count(1)
    site.worker.send(signal.SIGSTOP)
    try:
        ask(page, "dog face, 3d", steps=4)
        expect(page.locator(".state")).to_have_text(re.compile("^Next in line"))
        ask(page, "sun, 3d", steps=4)
        expect(page.locator(".state").first).to_have_text(re.compile("^1 job before it"))
        expect(page.locator("#connection")).to_have_text(
            "No worker is running. Pictures wait for one."
        )
    finally:
        site.worker.send(signal.SIGCONT)
    expect(page.locator(".card[data-status=succeeded]")).to_have_count(2)
    expect(page.locator("#connection")).to_be_empty()


def test_another_device_sees_the_job_too(visit: Visit):
    phone, desk = visit(PHONE), visit()
    expect(desk.locator("#model option")).to_have_count(1)
    ask(phone, "umbrella, flat", steps=60)
    card = desk.locator(".card")
    expect(card.locator(".words")).to_have_text("umbrella, flat")
    expect(card).to_have_attribute("data-status", "succeeded")


def test_a_restart_of_the_api_is_said_and_nothing_is_missed(visit: Visit, site: Site):
    page = visit(noise="ERR_")
    ask(page, "rocket, 3d", steps=150, count=4)
    expect(page.locator(".card[data-status=running]")).to_be_visible()
    site.stop()
    page.get_by_label("What should the picture show?").fill("typed meanwhile")
    expect(page.locator("#connection")).to_have_text("Connection lost. Trying again…")
    page.keyboard.press("Enter")
    expect(page.locator("#form-error")).to_contain_text("cannot be reached")
    expect(page.locator("#prompt")).to_have_value("typed meanwhile")
    site.start()
    expect(page.locator("#connection")).to_be_empty()
    expect(page.locator(".card")).to_have_attribute("data-status", "succeeded")
    expect(page.locator(".finished")).to_have_count(4)


def test_a_page_that_has_no_network_for_a_while_recovers(visit: Visit):
    page = visit(noise="ERR_INTERNET_DISCONNECTED")
    ask(page, "cat face, 3d", steps=100)
    expect(page.locator(".card[data-status=running]")).to_be_visible()
    page.context.set_offline(True)
    expect(page.locator("#connection")).to_have_text("Connection lost. Trying again…")
    page.context.set_offline(False)
    expect(page.locator("#connection")).to_be_empty()
    expect(page.locator(".card")).to_have_attribute("data-status", "succeeded")
