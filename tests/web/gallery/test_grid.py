"""The wall of pictures: scrolled to its end, searched, and grown while it is looked at."""

from __future__ import annotations

import re
from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import Route, ViewportSize, expect

from jobs.pictures.image_store import image_id
from tests.running.waiting import until
from tests.web.browser import DESK, PHONE
from tests.web.conftest import Visit
from tests.web.form import NETWORK
from tests.web.gallery.looking import first, gallery, grid
from tests.web.gallery.wall import MANY, VERY_MANY, Wall

MOST_NODES = 400
"""Pictures that a page of any size may hold at a time: a large screen shows about a hundred."""

SCROLL = """async ({ step, last, most: until }) => {
  const frames = [], grid = document.querySelector('.grid');
  let most = 0, before = await new Promise(requestAnimationFrame), still = 0;
  while (!document.querySelector(`a[href$="${last}"]`) && still < 600 && frames.length < until) {
    const y = scrollY;
    scrollBy(0, step);
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - before);
    before = now;
    most = Math.max(most, grid.children.length);
    still = scrollY === y ? still + 1 : 0;
  }
  frames.sort((a, b) => a - b);
  const at = (share) => +frames[Math.floor((frames.length - 1) * share)].toFixed(1);
  const times = { median: at(0.5), p95: at(0.95), p99: at(0.99), worst: at(1) };
  return { most, frames: frames.length, ...times };
}"""

pytestmark = pytest.mark.timeout(180)


@pytest.mark.parametrize(
    ("site", "size"),
    [
        pytest.param(MANY, DESK, id="desk"),
        pytest.param(VERY_MANY, DESK, id="desk, very many", marks=pytest.mark.slow),
        pytest.param(VERY_MANY, PHONE, id="phone, very many", marks=pytest.mark.slow),
    ],
    indirect=["site"],
)
def test_the_last_of_many_pictures_is_reached_and_few_are_in_the_page(
    visit: Visit, site: Wall, size: ViewportSize
):
    page = gallery(visit, size)
    ids = [key.decode() for key in site.redis.zrange("darkroom:jobs:local", 0, -1)]
    last = image_id(min(ids), 0)
    # So that each picture is seen, and as fast as a thumb can throw it.
    for step, frames in ((40, 60), (1200, 100_000)):
        figures = page.evaluate(SCROLL, {"step": step, "last": last, "most": frames})
        print(f"{step} pixels a frame:", figures)
        assert figures["most"] < MOST_NODES
    expect(page.locator(f'a[href$="{last}"]')).to_be_visible()
    expect(page.locator(".standing")).to_have_text(re.compile(r"^[15],\d{3} pictures$"))


def test_a_search_finds_by_words_and_says_so_when_nothing_is_found(visit: Visit, site: Wall):
    site.make("a very rare pangolin")
    page = gallery(visit)
    field = page.get_by_role("searchbox", name="Search the prompts")
    field.fill("APPLE wood")
    expect(page.get_by_role("status").filter(has_text="found")).to_have_text(
        re.compile(r"^\d+\+ found")
    )
    expect(grid(page).get_by_role("link", name="boat")).to_have_count(0)
    expect(first(page, "red apple on a wooden table")).to_be_visible()
    field.fill("no such thing")
    expect(page.get_by_text("Nothing found for “no such thing”.")).to_be_visible()
    field.fill("pangolin")
    expect(page.get_by_text("1 found", exact=True)).to_be_visible()
    site.make("the second pangolin")
    expect(page.get_by_text("2 found", exact=True)).to_be_visible()
    page.get_by_role("button", name="Clear the search").click()
    expect(field).to_have_value("")
    expect(first(page, "boat")).to_be_visible()


def test_a_new_picture_does_not_move_what_is_looked_at(visit: Visit, site: Wall):
    page = gallery(visit)
    page.mouse.move(700, 500)
    page.mouse.wheel(0, 1500)
    below = "([...links]) => links.some((a) => a.getBoundingClientRect().top > 600)"
    until(lambda: page.locator(".grid a").evaluate_all(below))
    page.wait_for_timeout(300)
    seen = """() => [...document.querySelectorAll('.grid a')]
      .map((a) => [a.href, a.getBoundingClientRect().top]).filter(([, y]) => y > 0 && y < 900)"""
    before = page.evaluate(seen)
    site.make("a fresh one")
    button = page.get_by_role("button", name="1 new picture")
    expect(button).to_be_visible()
    assert page.evaluate(seen) == before
    button.click()
    expect(first(page, "a fresh one")).to_be_in_viewport()


def test_a_picture_that_a_busy_server_refused_comes_when_it_is_asked_for_again(
    visit: Visit, site: Wall
):
    refused: list[str] = []

    def busy(route: Route) -> None:
        if route.request.url in refused:
            route.continue_()
        else:
            refused.append(route.request.url)
            route.fulfill(status=503, headers={"Retry-After": "1"})

    site.make("a patient heron")
    page = visit(path="#/server", noise=NETWORK)
    page.route(re.compile(r"/images/.*width="), busy)
    page.goto(re.sub("#.*", "#/gallery", page.url))
    picture = first(page, "a patient heron").locator("img")
    expect(picture).to_be_visible()
    until(lambda: picture.evaluate("image => image.naturalWidth > 0"))
    assert picture.get_attribute("src")
    assert refused


def test_the_frame_of_what_is_chosen_stays_under_the_mouse(visit: Visit, site: Wall):
    site.make("to be chosen")
    page = gallery(visit)
    page.get_by_role("button", name="Select").click()
    picture = grid(page).get_by_role("checkbox", name="to be chosen").first
    picture.click()
    picture.hover()
    with Image.open(BytesIO(picture.screenshot())) as shot:
        middle = shot.width // 2
        red, green, blue = shot.convert("RGB").crop((middle, 1, middle + 1, 2)).tobytes()
    assert red > 130
    assert max(green, blue) < 90
