"""What people do most, in the browsers that are not Chromium: `make browsers`."""

from __future__ import annotations

from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.browsers.hand import Hand
from tests.running.paths import API
from tests.running.site import Site
from tests.running.waiting import until
from tests.web.form import PROMPT, jobs

pytestmark = [pytest.mark.browsers, pytest.mark.timeout(300)]

PHONE = (360, 740)
DESK = (1440, 900)


def made(prompt: str) -> str:
    """The pictures that are there on cards of this prompt."""
    return f'.card[data-status=succeeded][aria-label^="{prompt}"] .picture.shown'


def finished(site: Site, **request: object) -> str:
    """A job that is done; its id."""
    fields = {"prompt": "red apple, 3d", "steps": 2} | request
    answer = httpx.post(
        f"{site.url}{API}/jobs", json=fields, headers={"Prefer": "wait=60"}, timeout=90
    )
    assert answer.json()["status"] == "succeeded", answer.text
    return answer.json()["id"]


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    """A photograph as a phone takes it: a JPEG that lies on its side."""
    down, across = np.mgrid[0:480, 0:640]
    pixels = np.dstack([across * 255 // 640, down * 255 // 480, (across + down) % 256])
    file = tmp_path / "photograph.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels.astype(np.uint8)).save(file, "JPEG", exif=exif)
    return file


def test_one_thing_in_a_photograph_is_changed(hand: Hand, site: Site, photograph: Path):
    hand.open(*PHONE)
    hand.give("Start from a picture", photograph)
    hand.choose("Paint over")
    hand.reads("480\u00a0\u00d7\u00a0640")
    hand.press("button", "Paint")
    hand.stroke(".stage img", (0.3, 0.5), (0.4, 0.5), (0.5, 0.5), (0.6, 0.5), (0.7, 0.5))
    hand.reads("% of")
    hand.look("editor-360")
    hand.press("button", "Done")
    hand.fill("What should be there instead?", "red apple, 3d")
    hand.press("button", "Make it")
    hand.shown(made("red apple"))
    hand.look("changed-360")
    job = jobs(site)[0]
    assert job["input"]["kind"] == "inpaint"
    assert [(each["width"], each["height"]) for each in job["outputs"]] == [(480, 640)]


def test_of_four_versions_one_is_kept(hand: Hand, site: Site):
    hand.open(*PHONE)
    hand.press("button", "Settings")
    for _ in range(3):
        hand.press("button", "More pictures")
    hand.look("settings-360")
    hand.press("button", "Close")
    hand.fill(PROMPT, "green heart, 3d")
    hand.press("button", "Make it")
    hand.count(made("green heart"), 4)
    hand.look("four-360")
    hand.press("button", "What to do with picture 3 of 4")
    hand.press("button", "Keep only this one")
    hand.reads("3 pictures deleted.")
    hand.count(made("green heart"), 1)
    hand.driver.go("about:blank")
    job = jobs(site)[0]["id"]
    # What a browser did not send as the page went, the page sends when it comes again.
    hand.driver.go(site.url)
    until(lambda: [each["id"] for each in jobs(site)[0]["outputs"]] == [f"{job}-2"])


def test_a_picture_is_enlarged(hand: Hand, site: Site):
    finished(site, prompt="blue boat, flat")
    side = 2 * jobs(site)[0]["width"]
    hand.open(*PHONE)
    hand.press("button", "More")
    hand.press("button", "Enlarge")
    hand.reads(f"{side}\u00a0\u00d7\u00a0{side}")
    hand.look("enlarge-360")
    hand.press("button", "Make it")
    hand.count(made("blue boat"), 2)
    job = jobs(site)[0]
    assert job["input"]["kind"] == "upscale"
    assert [(each["width"], each["height"]) for each in job["outputs"]] == [(side, side)]


def test_a_picture_goes_into_an_album_and_a_friend_gets_its_link(hand: Hand, site: Site):
    job = finished(site)
    hand.open(*PHONE, path=f"#/gallery/{job}-0")
    hand.press("button", "Into an album")
    hand.fill("New album", "Fruit")
    hand.look("album-360")
    hand.press("button", "Create")
    hand.press("button", "See it")
    hand.count(".grid li", 1)
    hand.press("link", "red apple")
    hand.press("button", "A link for somebody")
    hand.press("button", "Make the link")
    hand.find("image", "The link as a QR code")
    hand.look("link-360")
    url = hand.driver.run("return arguments[0].value", hand.find("field", "The link"))
    answer = httpx.get(site.url + url[url.index(API) :])
    assert answer.headers["content-type"] == "image/png", f"{url}: {answer.text}"
    albums = httpx.get(f"{site.url}{API}/albums").json()["albums"]
    assert [each["count"] for each in albums if each["name"] == "Fruit"] == [1]


@pytest.mark.parametrize("size", [PHONE, DESK])
def test_a_picture_is_searched_for_and_looked_at(hand: Hand, site: Site, size: tuple[int, int]):
    for prompt in ("purple star, flat", "yellow star, flat", "green tree, flat"):
        finished(site, prompt=prompt)
    hand.open(*size, path="#/gallery")
    hand.fill("Search the prompts", "star")
    hand.reads("found")
    hand.look(f"search-{size[0]}")
    hand.press("link", "yellow star")
    hand.find("dialog", "yellow star")
    hand.look(f"viewer-{size[0]}")
    hand.press("button", "Next")
    hand.find("dialog", "purple star")
    hand.driver.back()
    hand.count("dialog[open], [role=dialog]", 0)
    assert "#/gallery" in hand.driver.run("return location.hash")


@pytest.mark.parametrize("size", [PHONE, DESK])
def test_every_room_fits_its_screen(hand: Hand, site: Site, size: tuple[int, int]):
    finished(site)
    hand.open(*size)
    for place, text in {
        "make": "Latest pictures",
        "gallery": "picture",
        "models": "Emoji",
        "anatomy": "",
        "server": "Devices",
    }.items():
        hand.go(f"#/{place}")
        hand.reads(text)
        hand.look(f"{place}-{size[0]}")
