"""Styles by HTTP: kept in AUTOMATIC1111's file, put into prompts, offered to its programs."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator

import httpx
import numpy as np
import pytest

from jobs.prompts.styles import Style, StyleFile
from tests.running.paths import API
from tests.running.site import Site
from tests.worker.families.comparing.asking import made, picture

USUAL = {"model": "sd1", "width": 16, "height": 16, "steps": 2, "seed": 4}

THEIRS = """\
name,prompt,negative_prompt
Ink,"ink drawing of {prompt}, black and white",colour
"Dull, grey",,"bright
light"
"""


@pytest.fixture
def theirs(site: Site) -> Iterator[None]:
    """A file that AUTOMATIC1111 wrote, with the mark that it writes first."""
    file = site.data / "styles.csv"
    file.write_text(THEIRS, encoding="utf-8-sig")
    yield
    file.unlink()


@pytest.mark.usefixtures("theirs")
def test_a_style_is_put_into_the_prompts_and_the_recipe_has_what_came_of_it(client: httpx.Client):
    styles = client.get(f"{API}/styles").json()["styles"]
    assert [each["name"] for each in styles] == ["Ink", "Dull, grey"]
    styled = made(client, **USUAL, prompt="a cat", negative_prompt="", styles=["Ink", "Dull, grey"])
    asked = client.get(styled).json()["input"]
    assert asked["prompt"] == "ink drawing of a cat, black and white"
    assert asked["negative_prompt"] == "colour, bright\nlight"
    plain = made(client, **USUAL, prompt=asked["prompt"], negative_prompt=asked["negative_prompt"])
    assert np.array_equal(picture(client, styled), picture(client, plain))
    kept = client.get(client.get(styled).json()["outputs"][0]["url"]).content
    again = client.post(f"{API}/jobs", content=kept, headers={"Content-Type": "image/png"})
    assert again.json()["input"]["prompt"] == asked["prompt"]


@pytest.mark.usefixtures("theirs")
def test_a_style_is_kept_changed_and_deleted_in_the_file(site: Site, client: httpx.Client):
    at = f"{API}/styles/film/noir"
    texts = {"prompt": "{prompt}, film noir", "negative_prompt": "colour"}
    assert client.put(at, json=texts).status_code == 201
    assert client.put(at, json=texts | {"negative_prompt": ""}).status_code == 200
    found = client.get(at).json()
    assert found == {"name": "film/noir", "prompt": "{prompt}, film noir", "negative_prompt": ""}
    with (site.data / "styles.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["Ink", "Dull, grey", "film/noir"]
    assert rows[1]["negative_prompt"] == "bright\nlight"
    assert client.delete(at).status_code == 204
    assert client.delete(at).status_code == 404
    assert client.get(at).status_code == 404
    assert client.put(at, json={"text": "x"}).status_code == 422


@pytest.mark.usefixtures("theirs")
def test_automatic1111s_programs_find_and_name_styles(client: httpx.Client):
    listed = client.get("/sdapi/v1/prompt-styles").json()
    assert listed[0] == {
        "name": "Ink",
        "prompt": "ink drawing of {prompt}, black and white",
        "negative_prompt": "colour",
    }
    body = {"prompt": "a cat", "styles": ["Ink", "Anime"], "steps": 2, "width": 16, "height": 16}
    answer = client.post("/sdapi/v1/txt2img", json=body).json()
    info = json.loads(answer["info"])
    assert info["all_prompts"] == ["ink drawing of a cat, black and white"]
    assert info["negative_prompt"] == "colour"
    assert info["infotexts"][0].startswith(
        "ink drawing of a cat, black and white\nNegative prompt: colour"
    )
    assert "no style is named 'Anime'" in info["notes"][0]


def test_a_style_that_is_not_there_is_named(client: httpx.Client):
    answer = client.post(f"{API}/jobs", json={**USUAL, "prompt": "a", "styles": ["Anime"]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/styles"
    assert "Anime" in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    "data",
    [b"\xff\xfe\x00 nothing", b"name;prompt;negative_prompt\nX;x;n\n", b"Ink, ink drawing\n"],
)
def test_a_file_that_is_no_list_of_styles_is_said_to_be_none_and_kept(
    site: Site, client: httpx.Client, data: bytes
):
    file = site.data / "styles.csv"
    file.write_bytes(data)
    try:
        for answer in (
            client.get(f"{API}/styles"),
            client.put(f"{API}/styles/Oil", json={"prompt": "oil"}),
        ):
            assert answer.status_code == 503
            assert "styles.csv cannot be read" in answer.json()["detail"]
            assert str(site.data) not in answer.text
        assert file.read_bytes() == data
    finally:
        file.unlink()


def test_styles_that_multiply_a_prompt_or_fill_the_file_are_refused(
    site: Site, client: httpx.Client
):
    texts = {"prompt": "{prompt}" * 1000}
    assert client.put(f"{API}/styles/Echo", json=texts).status_code == 201
    asked = {**USUAL, "prompt": "a cat", "styles": ["Echo"] * 8}
    answer = client.post(f"{API}/jobs", json=asked)
    assert answer.status_code == 422
    assert "at most" in answer.json()["errors"][0]["detail"]
    assert client.delete(f"{API}/styles/Echo").status_code == 204
    StyleFile(site.data / "styles.csv").put(Style("Full", "x" * 120_000))
    with (site.data / "styles.csv").open("a") as file:
        file.writelines(f"Full {number},{'x' * 120_000},\n" for number in range(32))
    most = {"prompt": "x" * 10_000, "negative_prompt": "y" * 10_000}
    codes = [client.put(f"{API}/styles/{each}", json=most).status_code for each in range(4)]
    assert codes[-1] == 409
    assert client.get(f"{API}/styles").status_code == 200
    empty = client.put(f"{API}/styles/%00", json={})
    assert (empty.status_code, empty.json()["errors"][0]["pointer"]) == (422, "/name")
    (site.data / "styles.csv").unlink()
