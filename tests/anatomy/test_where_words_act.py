"""Where words are looked at and where they act, measured over 20 prompts, beside chance."""

from __future__ import annotations

import io
import operator
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load

from tests.running.clients.jobs import succeeded
from tests.running.site import Site

THINGS = (
    *("red apple", "green apple", "red heart", "yellow banana", "blue boat", "cat face"),
    *("dog face", "red car", "rocket", "pizza", "yellow star", "green tree", "blue whale"),
    *("orange fish", "strawberry", "birthday cake", "violin", "house", "crab", "penguin"),
)

STEPS = 20

WHITE = 240
"""A place whose darkest colour is below this is of the thing, not of the paper round it."""

Plane = np.ndarray[Any, Any]


def picture(client: httpx.Client, url: str) -> Plane:
    answer = client.get(url).raise_for_status()
    return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"), np.float64)


def on_the_thing(plane: Plane, thing: Plane) -> float:
    """Of as many places as the thing has, the lightest ones, the share that lies on it."""
    lightest = np.argsort(plane.ravel())[::-1][: int(thing.sum())]
    return float(thing.ravel()[lightest].mean())


def mean_of(planes: Iterable[Plane]) -> Plane:
    return np.mean([*planes], axis=0)


class Look:
    """What is there to see of one prompt's picture: a plane of 16x16 for each way to look."""

    def __init__(self, client: httpx.Client, name: str, seed: int) -> None:
        asked = {"prompt": f"{name}, 3d", "seed": seed, "steps": STEPS, "sampler": "dpmpp_2m"}
        asked |= {"width": 128, "height": 128}
        job = succeeded(client, **asked, guidance_scale=4.0, trace=True)
        made = picture(client, job["outputs"][0]["url"])
        self.thing = made.reshape(16, 8, 16, 8, 3).mean((1, 3)).min(-1) < WHITE
        self.chance = float(self.thing.mean())
        url = job["traces"][0]["url"]
        trace = client.get(url).raise_for_status().json()
        self.words = range(len(name.split()))
        assert [trace["words"][word]["text"] for word in self.words] == name.split()
        tensors = load(client.get(trace["file"]).raise_for_status().content)
        self.looked = [
            mean_of(tensors[f"attention.{step}"][word].astype(np.float64) for step in range(STEPS))
            for word in self.words
        ]
        self.changed = mean_of(
            np.linalg.norm(tensors[f"noise_with.{step}"] - tensors[f"noise_without.{step}"], axis=0)
            for step in range(STEPS)
        )
        self.acted = [
            mean_of(
                picture(client, f"{url}/words/{word}")[..., 0].reshape(16, STEPS, 16).swapaxes(0, 1)
            )
            for word in self.words
        ]


@pytest.fixture(scope="module")
def looks(site: Site) -> Iterator[list[Look]]:
    with httpx.Client(base_url=site.url, timeout=120) as client:
        yield [Look(client, thing, seed) for seed, thing in enumerate(THINGS)]


@dataclass(frozen=True)
class Measured:
    """How much of planes lies on their own thing, on the things of the other pictures, which all
    have theirs near the middle, and by chance; and of how many of them more than by chance."""

    own: float
    others: float
    chance: float
    above: int
    count: int


def measured(name: str, looks: list[Look], planes: list[list[Plane]]) -> Measured:
    own, others, chance = list[float](), list[float](), list[float]()
    for look, mine in zip(looks, planes, strict=True):
        for plane in mine:
            own.append(on_the_thing(plane, look.thing))
            elsewhere = [on_the_thing(plane, each.thing) for each in looks if each is not look]
            others.append(float(np.mean(elsewhere)))
            chance.append(look.chance)
    means = (float(np.mean(each)) for each in (own, others, chance))
    found = Measured(*means, sum(map(operator.gt, own, chance)), len(own))
    print(name, found)
    return found


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_word_lights_up_where_the_thing_is(looks: list[Look]):
    measured("looked at", looks, [each.looked for each in looks])
    acted = measured("acted", looks, [each.acted for each in looks])
    assert acted.own > acted.chance + 0.15
    assert acted.own > acted.others + 0.05
    assert acted.above > 0.8 * acted.count


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_what_the_prompt_changes_lies_on_the_thing(looks: list[Look]):
    changed = measured("changed", looks, [[each.changed] for each in looks])
    assert changed.own > changed.chance + 0.15
    assert changed.own > changed.others + 0.05
    assert changed.above > 0.8 * changed.count
