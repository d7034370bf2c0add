"""A prompt in words that the model was never taught, from the request to the picture."""

from __future__ import annotations

import io
from typing import Any

import httpx
import numpy as np
import pytest
from darkroom_client import Darkroom
from PIL import Image

from tests.running.site import Site

DRAWN = {"steps": 5, "sampler": "dpmpp_2m", "seed": 7}


@pytest.fixture
def ask(site: Site):
    def ask(prompt: str, **fields: Any) -> dict[str, Any]:
        body = DRAWN | {"prompt": prompt} | fields
        answer = httpx.post(
            f"{site.url}/api/v1/jobs", json=body, headers={"Prefer": "wait=60"}, timeout=90
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    return ask


def picture(site: Site, job: dict[str, Any]) -> Image.Image:
    return Image.open(io.BytesIO(httpx.get(site.url + job["outputs"][0]["url"]).content))


def far(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(np.asarray(one, int) - np.asarray(other, int)).max())


def test_a_vietnamese_prompt_is_drawn_as_it_is_read_and_kept_as_it_is_written(site, ask):
    job = ask("con mèo màu tím")
    assert job["outputs"][0]["read_as"] == "purple cat"
    assert job["input"]["prompt"] == "con mèo màu tím"
    shown = picture(site, job)
    assert shown.text["parameters"].startswith("con mèo màu tím\n")
    assert far(shown, picture(site, ask("purple cat"))) <= 8


def test_a_mistyped_word_is_read_and_words_that_are_known_are_not(ask):
    assert ask("a red aple, 3d")["outputs"][0]["read_as"] == "a red apple, 3d"
    assert ask("a red apple, 3d")["outputs"][0]["read_as"] is None


def test_words_that_the_model_was_never_taught_are_told(site: Site, ask):
    assert ask("a red apple, 3d")["outputs"][0]["strangers"] == []
    assert ask("a red xyzzy, 3d")["outputs"][0]["strangers"] == ["xyzzy"]
    assert ask("con mèo xyzzy")["outputs"][0]["strangers"] == ["con", "mèo", "xyzzy"]
    # A style may have taught it more.
    assert ask("a red xyzzy <lora:ink:1>")["outputs"][0]["strangers"] == []
    with Darkroom(site.url) as darkroom:
        [picture] = darkroom.generate("قطتان", **DRAWN)
    assert picture.strangers == ("قطتان",)


def test_a_prompt_is_taken_as_it_is_written_where_that_is_asked_for(site, ask):
    read, written = ask("con mèo màu tím"), ask("con mèo màu tím", as_written=True)
    assert written["outputs"][0]["read_as"] is None
    assert written["input"]["as_written"] is True
    assert far(picture(site, read), picture(site, written)) > 40


def test_the_model_says_that_it_has_a_table_of_words(site):
    (model,) = httpx.get(f"{site.url}/api/v1/models").json()["models"]
    assert model["reads_words"] is True
