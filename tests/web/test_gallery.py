"""The gallery and its viewer on a real API, with five thousand pictures."""

from __future__ import annotations

import io
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect
from redis import Redis
from rq.job import Job

from jobs.connection import connect
from jobs.pictures.image_store import ImageStore, image_id
from jobs.queue import queue
from jobs.queue.record import Field, read
from jobs.request.infotext import Maker
from jobs.request.request import GenerationRequest
from jobs.request.resolve import resolve
from server.pages.page import FOLDER
from tests.running.redis import redis_in
from tests.server.helpers import API, CARD, HandWorker, gunicorn
from tests.web.browser import DESK, PHONE
from tests.web.conftest import Visit
from tests.worker.process import until
from worker.canvas.png import encode

MANY = 5000

MOST_NODES = 400
"""Pictures that a page of any size may hold at a time: a large screen shows about a hundred."""

KINDS = [
    ("blue boat, 3d", (64, 64)),
    ("red apple on a wooden table", (96, 64)),
    ("tall green tree", (64, 96)),
    ("yellow house", (64, 64)),
    ("purple cat, flat", (128, 64)),
]
"""What the many are of, in turn."""

pytestmark = pytest.mark.timeout(180)


@dataclass
class Wall:
    """A server with pictures, and the worker that makes more of them at once."""

    url: str
    redis: Redis
    worker: HandWorker

    def make(self, prompt: str, **fields: Any) -> str:
        """A job that has ended; its newest picture is at the top of the gallery."""
        return self.finish(self.ask(prompt, **fields))

    def ask(self, prompt: str, **fields: Any) -> str:
        asked = GenerationRequest(prompt=prompt, **fields)
        return queue.submit(self.redis, resolve(asked, [CARD], {}), "local").id

    def finish(self, job_id: str) -> str:
        record = read(self.redis, job_id)
        assert record
        pixels = np.full((48, 64, 3), np.random.default_rng().integers(60, 220, 3), np.uint8)
        self.worker.begin(job_id)
        self.worker.finish(job_id, encode(pixels, record.request, 0, Maker("1", None)))
        return job_id

    def has(self, job_id: str) -> bool:
        return read(self.redis, job_id) is not None


def fill(wall: Wall, images: Path) -> None:
    """Thousands of ended jobs: one of each kind is made, the others are copies of its record."""
    now = time.time_ns() // 1_000_000
    patterns: list[tuple[bytes, Path, dict[str, Any]]] = []
    for prompt, (width, height) in KINDS:
        job_id = wall.make(prompt)
        picture = images / f"{width}x{height}.png"
        Image.effect_mandelbrot((width, height), (-2, -1, 1, 1), 20).save(picture)
        key = Job.key_for(job_id).encode()
        output = json.loads(wall.redis.hget(key, Field.OUTPUTS) or b"")[0]
        patterns.append((key, picture, output | {"width": width, "height": height}))
    with wall.redis.pipeline(transaction=False) as pipe:
        for number in range(MANY):
            key, picture, output = patterns[number % len(patterns)]
            job_id = f"{now - 1_000_000 - number:012x}{number:020x}"
            copy = Job.key_for(job_id)
            pipe.copy(key.decode(), copy)
            pipe.hset(copy, Field.OUTPUTS, json.dumps([output | {"id": image_id(job_id, 0)}]))
            pipe.zadd("darkroom:jobs:local", {job_id: 0})
            # The store syncs each to the disk, which no picture of these is worth.
            folder = images / job_id[30:32]
            folder.mkdir(exist_ok=True)
            os.link(picture, folder / f"{image_id(job_id, 0)}.png")
        pipe.execute()
    with wall.redis.pipeline() as pipe:
        for key, _, _ in patterns:
            pipe.delete(key)
            pipe.zrem("darkroom:jobs:local", key.decode().rpartition(":")[2])
        pipe.execute()


@pytest.fixture(scope="module")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wall]:
    assert (FOLDER / "index.html").is_file(), "the page is not built: sh clients/web/build.sh"
    data = tmp_path_factory.mktemp("data")
    store = ImageStore(str(data / "images"))
    with redis_in(data / "redis") as redis, connect(redis.url) as client:
        worker = HandWorker(client, store)
        worker.advertise()
        with gunicorn(redis.url, data) as server:
            wall = Wall(server.url, client, worker)
            fill(wall, data / "images")
            yield wall


@pytest.fixture(autouse=True)
def offered(site: Wall) -> None:
    site.worker.advertise()


def grid(page: Page) -> Locator:
    return page.get_by_role("list", name="Pictures")


def gallery(visit: Visit, *arguments: Any, **options: Any) -> Page:
    page = visit(*arguments, path="#/gallery", **options)
    expect(grid(page).locator("a").first).to_be_visible()
    return page


def viewer(page: Page) -> Locator:
    return page.get_by_role("dialog")


def first(page: Page, prompt: str) -> Locator:
    return grid(page).get_by_role("link", name=prompt).first


def swipe(page: Page, start: tuple[int, int], end: tuple[int, int], steps: int = 6) -> None:
    """A finger that goes from one place to the other, as the touch screen reports it."""
    session = page.context.new_cdp_session(page)
    (x0, y0), (x1, y1) = start, end

    def touch(kind: str, points: list[dict[str, float]]) -> None:
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", [{"x": x0, "y": y0}])
    for step in range(1, steps + 1):
        part = step / steps
        touch("touchMove", [{"x": x0 + (x1 - x0) * part, "y": y0 + (y1 - y0) * part}])
        page.wait_for_timeout(16)
    touch("touchEnd", [])
    session.detach()


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


@pytest.mark.parametrize(
    "size",
    [pytest.param(DESK, id="desk"), pytest.param(PHONE, id="phone", marks=pytest.mark.slow)],
)
def test_the_last_of_5000_pictures_is_reached_and_few_are_in_the_page(
    visit: Visit, site: Wall, size: ViewportSize
):
    page = gallery(visit, size)
    ids = [key.decode() for key in site.redis.zrange("darkroom:jobs:local", 0, -1)]
    last = image_id(min(ids), 0)
    # So that each picture is seen, and as fast as a thumb can throw it.
    for step, frames in ((40, 200), (400, 100_000)):
        figures = page.evaluate(SCROLL, {"step": step, "last": last, "most": frames})
        print(f"{step} pixels a frame:", figures)
        assert figures["most"] < MOST_NODES
    expect(page.locator(f'a[href$="{last}"]')).to_be_visible()
    expect(page.locator(".standing")).to_have_text(re.compile(r"^5,\d{3} pictures$"))


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
    until(lambda: page.evaluate("!!document.elementFromPoint(700, 890).closest('a')"))
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


def test_the_viewer_turns_by_touch_and_closes_where_the_gallery_was(visit: Visit, site: Wall):
    for name in ("third", "second", "first"):
        site.make(f"the {name} of three")
        time.sleep(0.002)
    page = gallery(visit, PHONE)
    expect(first(page, "the first of three")).to_be_visible()
    first(page, "the first of three").tap()
    expect(viewer(page)).to_have_accessible_name("the first of three")
    swipe(page, (300, 300), (60, 310))
    expect(viewer(page)).to_have_accessible_name("the second of three")
    swipe(page, (300, 300), (280, 300))
    page.wait_for_timeout(300)
    expect(viewer(page)).to_have_accessible_name("the second of three")
    swipe(page, (60, 300), (300, 300))
    expect(viewer(page)).to_have_accessible_name("the first of three")
    picture = page.locator("[data-current] img")
    page.touchscreen.tap(180, 300)
    page.touchscreen.tap(180, 300)
    expect(picture).to_have_attribute("style", re.compile(r"scale\(2\.5\)"))
    swipe(page, (300, 300), (60, 300))
    expect(viewer(page)).to_have_accessible_name("the first of three")
    page.touchscreen.tap(180, 300)
    page.touchscreen.tap(180, 300)
    expect(picture).not_to_have_attribute("style", re.compile("scale"))
    swipe(page, (180, 200), (185, 500))
    expect(viewer(page)).to_have_count(0)
    assert page.url.endswith("#/gallery")
    page.evaluate("scrollTo(0, 900)")
    page.wait_for_timeout(300)
    y = page.evaluate("scrollY")
    # Chromium drops a made-up tap soon after a made-up swipe.
    grid(page).locator("a").nth(25).click()
    expect(viewer(page)).to_be_visible()
    page.go_back()
    expect(viewer(page)).to_have_count(0)
    assert abs(page.evaluate("scrollY") - y) < 150


def test_the_keyboard_alone_opens_turns_and_closes(visit: Visit, site: Wall):
    site.make("beside the new one")
    time.sleep(0.002)
    site.make("the new one", count=2)
    page = gallery(visit)
    first(page, "the new one").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(":focus")).to_have_accessible_name("the new one (2 of 2)")
    page.keyboard.press("ArrowRight")
    expect(page.locator(":focus")).to_have_accessible_name("beside the new one")
    page.keyboard.press("Enter")
    expect(viewer(page)).to_have_accessible_name("beside the new one")
    page.keyboard.press("ArrowLeft")
    expect(viewer(page)).to_have_accessible_name("the new one")
    page.keyboard.press("Escape")
    expect(viewer(page)).to_have_count(0)
    expect(page.locator(":focus")).to_have_accessible_name("the new one (2 of 2)")
    page.keyboard.press("End")
    expect(page.locator(":focus")).to_be_in_viewport()


def test_a_download_is_the_png_with_its_recipe(visit: Visit, site: Wall, tmp_path: Path):
    site.make("Küche, 3D!", seed=77)
    page = gallery(visit)
    first(page, "Küche, 3D!").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "küche-3d-77.png"
    download.value.save_as(tmp_path / "picture.png")
    texts = Image.open(tmp_path / "picture.png").text
    assert json.loads(texts["darkroom"])["request"]["seed"] == 77


def test_the_recipe_is_copied_over_plain_http_too(visit: Visit, site: Wall):
    site.make("to be copied", seed=78)
    page = gallery(visit)
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.evaluate(
        "document.addEventListener('copy', () => window.copied = document.activeElement.value)"
    )
    first(page, "to be copied").click()
    page.get_by_role("button", name="Copy the recipe").click()
    expect(page.get_by_text("The recipe is copied.")).to_be_visible()
    assert re.match(r"to be copied\nSteps: \d+, Sampler: .*Seed: 78", page.evaluate("copied"))


def test_every_figure_of_the_recipe_is_shown(visit: Visit, site: Wall):
    site.make("figures", negative_prompt="blur", seed=79, steps=9, guidance_scale=4.5)
    page = gallery(visit)
    first(page, "figures").click()
    about = page.get_by_role("region", name="About this picture")
    for words in ("Not in it: blur", "79", "64 \N{MULTIPLICATION SIGN} 48", "4.5", "9", "Small"):
        expect(about.get_by_text(words, exact=True).first).to_be_visible()


def test_a_deletion_can_be_undone_and_is_done_when_its_toast_has_gone(visit: Visit, site: Wall):
    kept, gone = site.make("to be kept"), site.make("to go", count=3)
    page = gallery(visit)
    first(page, "to be kept").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Picture deleted.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    page.keyboard.press("Escape")
    expect(first(page, "to be kept")).to_be_visible()
    first(page, "to go").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("3 pictures deleted.")).to_be_visible()
    expect(grid(page).locator("a[aria-label^='to go']")).to_have_count(0)
    assert site.has(gone)
    expect(page.get_by_text("3 pictures deleted.")).to_have_count(0)
    page.wait_for_timeout(500)
    assert not site.has(gone)
    assert site.has(kept)


def test_a_deletion_is_done_when_the_page_is_left(visit: Visit, site: Wall):
    gone = site.make("left behind")
    page = gallery(visit)
    first(page, "left behind").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Picture deleted.")).to_be_visible()
    page.goto("about:blank")
    deadline = time.monotonic() + 10
    while site.has(gone) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not site.has(gone)


def test_same_again_and_vary_ask_for_what_they_say(visit: Visit, site: Wall):
    site.make("once more", seed=80, count=2)
    page = gallery(visit)
    first(page, "once more").click()
    page.get_by_role("button", name="Same again").click()
    expect(page.get_by_text("Asked for one more.")).to_be_visible()
    page.get_by_role("button", name="Vary").click()
    expect(page.get_by_text("Asked for one more.")).to_have_count(2)
    page.wait_for_timeout(500)
    jobs = httpx.get(f"{site.url}{API}/jobs?q=once+more").json()["jobs"]
    varied, again, _ = (job["input"] for job in jobs)
    assert (again["count"], again["variation_strength"]) == (1, 0)
    assert again["seed"] != 80
    assert (varied["seed"], varied["variation_strength"]) == (80, 0.2)
    for job in jobs[:2]:
        queue.cancel(site.redis, job["id"])


def drop(page: Page, data: bytes, name: str = "a.png", type: str = "image/png") -> None:
    """Lets go of a file over the page."""
    page.evaluate(
        """([data, name, type]) => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(data)], name, { type }));
          for (const kind of ['dragover', 'drop']) {
            const given = { dataTransfer: transfer, bubbles: true, cancelable: true };
            document.body.dispatchEvent(new DragEvent(kind, given));
          }
        }""",
        [list(data), name, type],
    )


def draft(page: Page) -> Any:
    return json.loads(page.evaluate("localStorage.getItem('darkroom.draft')"))


def carrying(text: str) -> bytes:
    info = PngInfo()
    info.add_text("parameters", text)
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(file, "PNG", pnginfo=info)
    return file.getvalue()


def test_a_dropped_picture_fills_the_form_with_its_recipe(visit: Visit, site: Wall):
    job_id = site.make("dropped", seed=81, steps=13, negative_prompt="blur")
    picture = site.worker.store.open(image_id(job_id, 0)).read()
    page = gallery(visit)
    drop(page, picture)
    expect(page.get_by_text("The form has the recipe of this picture.")).to_be_visible()
    assert page.url.endswith("#/make")
    wanted = {"prompt": "dropped", "negative": "blur", "seed": 81, "steps": 13, "model": "small"}
    assert draft(page).items() >= wanted.items()


def test_a_dropped_picture_of_another_program_fills_what_it_can(visit: Visit, site: Wall):
    page = gallery(visit)
    settings = "Steps: 21, Sampler: DDIM, CFG scale: 6, Seed: 5, Size: 64x64, Model: sdxl"
    drop(page, carrying(f"a cat\nNegative prompt: dog\n{settings}, Denoising strength: 0.5"))
    toast = page.get_by_text("The form has the recipe of this picture.")
    expect(toast).to_contain_text("It started from another picture")
    expect(toast).to_contain_text("Its model is not here.")
    wanted = {"prompt": "a cat", "negative": "dog", "steps": 21, "seed": 5, "model": None}
    assert draft(page).items() >= wanted.items()


def test_a_dropped_picture_without_a_recipe_is_the_one_to_start_from(visit: Visit, site: Wall):
    page = gallery(visit, noise="422")
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "olive").save(file, "JPEG")
    drop(page, file.getvalue(), "photo.jpg", "image/jpeg")
    expect(page.get_by_text("This picture carries no recipe.")).to_be_visible()
    assert page.url.endswith("#/make")


def test_a_picture_opens_by_its_address_alone(visit: Visit, site: Wall):
    oldest = min(key.decode() for key in site.redis.zrange("darkroom:jobs:local", 0, -1))
    page = visit(path=f"#/gallery/{image_id(oldest, 0)}")
    expect(viewer(page)).to_have_accessible_name(re.compile("cat|house|tree|apple|boat"))
    page.keyboard.press("Escape")
    expect(viewer(page)).to_have_count(0)
    assert page.url.endswith("#/gallery")
