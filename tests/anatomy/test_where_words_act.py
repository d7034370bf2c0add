"""Where words are looked at and where they act, measured over 20 prompts, beside chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.helpers import Shelf, load
from tests.running.paths import REPOSITORY
from worker.engine import Engine, Finished, ImageRequest, Trace, TraceWish

THINGS = (
    *("red apple", "green apple", "red heart", "yellow banana", "blue boat", "cat face"),
    *("dog face", "red car", "rocket", "pizza", "yellow star", "green tree", "blue whale"),
    *("orange fish", "strawberry", "birthday cake", "violin", "house", "crab", "penguin"),
)

WHITE = 240
"""A place whose darkest colour is below this is of the thing, not of the paper round it."""

Plane = np.ndarray[Any, Any]


def made(folder: Path) -> list[tuple[str, Finished]]:
    engine = Engine(Shelf(load("shipped", folder)))
    for seed, thing in enumerate(THINGS):
        asked = ImageRequest(
            model="shipped",
            prompt=f"{thing}, 3d",
            negative_prompt="",
            width=128,
            height=128,
            steps=20,
            guidance_scale=4.0,
            seed=seed,
            sampler="dpmpp_2m",
            trace=TraceWish(),
        )
        engine.add(thing, asked)
    found: list[tuple[str, Finished]] = []
    while not engine.idle:
        found += [(each.task_id, each) for each in engine.step()]
    return found


def on_the_thing(plane: Plane, thing: Plane) -> float:
    """Of as many places as the thing has, the lightest ones, the share that lies on it."""
    lightest = np.argsort(plane.ravel())[::-1][: int(thing.sum())]
    return float(thing.ravel()[lightest].mean())


def attention(trace: Trace, words: int) -> Plane:
    planes = [step.attention[:words].float() for step in trace.steps if step.attention is not None]
    return torch.stack(planes).mean((0, 1)).numpy()


def changes(trace: Trace) -> Plane:
    gaps = [step.tensors["noise_with"] - step.tensors["noise_without"] for step in trace.steps]
    return torch.stack([gap.square().sum(0).sqrt() for gap in gaps]).mean(0).numpy()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_what_the_prompt_changes_lies_on_the_thing():
    looked, acted, chance = [], [], []
    for name, each in made(REPOSITORY / "models" / "emoji"):
        assert each.image is not None
        assert each.trace is not None
        places = each.image.reshape(16, 8, 16, 8, 3).mean((1, 3), dtype=np.float64)
        thing = places.min(-1) < WHITE
        chance.append(float(thing.mean()))
        looked.append(on_the_thing(attention(each.trace, len(name.split())), thing))
        acted.append(on_the_thing(changes(each.trace), thing))
    said = f"looked at {np.mean(looked):.3f}, acted {np.mean(acted):.3f}, {np.mean(chance):.3f}"
    print(f"{said} by chance")
    better = sum(mine > by_chance for mine, by_chance in zip(acted, chance, strict=True))
    assert better >= 15, said
    assert np.mean(acted) > np.mean(chance) + 0.1, said
