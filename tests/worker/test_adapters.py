"""What ships beside the model: offered to everybody, and it does visibly what it says."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import numpy as np
import pytest
import torch

from benchmarks.gallery.rows import house
from models.recipe.adapters.looks import measures
from models.recipe.adapters.looks.by_hand import by_hand
from tests.running.paths import API
from tests.worker.families.comparing.asking import Fields, Pixels, data_uri, made, picture

FEW: Fields = {"steps": 12, "width": 128, "height": 128}
"""Enough steps to look at, at the size that they were fitted to."""

ASKED: Mapping[str, Fields] = {
    "cat": {"prompt": "cat face", "seed": 3},
    "inked cat": {"prompt": "cat face <lora:ink:1>", "seed": 3},
}


@pytest.fixture(scope="module")
def drawn(client: httpx.Client) -> Mapping[str, Pixels]:
    """Both, which share their forwards."""
    jobs = {name: made(client, **FEW, **fields) for name, fields in ASKED.items()}
    return {name: picture(client, job) for name, job in jobs.items()}


def shown(picture: Pixels) -> torch.Tensor:
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None]


def test_every_client_is_offered_what_ships_beside_the_model(client: httpx.Client):
    (card,) = client.get(f"{API}/models").json()["models"]
    assert [each["name"] for each in card["loras"]] == ["ink"]
    assert [each["name"] for each in card["controlnets"]] == ["canny-edges"]
    assert [each["name"] for each in card["ip_adapters"]] == ["ip-adapter-likeness"]
    assert "ink" in client.get("/sdapi/v1/loras").text


def test_a_prompt_that_names_the_lora_is_drawn_in_ink(drawn: Mapping[str, Pixels]):
    plain, inked = drawn["cat"], drawn["inked cat"]
    assert measures.colourful(shown(inked)) < measures.colourful(shown(plain)) / 3
    assert inked.min() < 70
    assert (inked > 200).mean() > (plain > 200).mean()


def test_a_picture_follows_lines_drawn_by_hand_with_words_and_without(client: httpx.Client):
    lines = house()
    asked: Fields = {"prompt": "house, 3d", "seed": 3, **FEW}
    control = {"model": "canny-edges", "image": data_uri(lines)}
    guess = {**control, "control_mode": "guess"}
    jobs = [
        made(client, **{**asked, **fields})
        for fields in ({}, {"controls": [control]}, {"prompt": "", "controls": [guess]})
    ]
    plain, steered, guessed = (
        measures.along(shown(picture(client, job)), [np.asarray(lines.convert("L"))])
        for job in jobs
    )
    assert steered > plain + 0.1
    assert guessed > plain + 0.1


def test_without_words_a_picture_shows_what_its_reference_shows(client: httpx.Client):
    drawings = by_hand("house"), by_hand("deciduous tree")
    jobs = [
        made(
            client,
            prompt="",
            seed=3,
            **FEW,
            ip_adapters=[{"model": "ip-adapter-likeness", "images": [data_uri(each)]}],
        )
        for each in drawings
    ]
    of_house, of_tree = (shown(picture(client, job)) for job in jobs)
    walls, leaves = (np.asarray(each) for each in drawings)
    assert measures.apart(of_house, [walls]) < measures.apart(of_tree, [walls])
    assert measures.apart(of_tree, [leaves]) < measures.apart(of_house, [leaves])
