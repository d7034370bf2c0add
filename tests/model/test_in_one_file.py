"""Latent diffusion as one file tells it (docs/latent_diffusion.py) makes the engine's picture."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image

from tests.engine.helpers import Shelf, difference, load, picture
from worker.engine import TOLERANCE, Engine, ImageRequest

REPOSITORY = Path(__file__).parents[2]
FILE = REPOSITORY / "docs" / "latent_diffusion.py"
APPLE = ImageRequest("emoji", "red apple, 3d", "", 128, 128, 20, 4.0, 7, "ddim")
LONGEST = 250
"""Lines that can be read in one sitting."""


@pytest.fixture(scope="module")
def read() -> ModuleType:
    spec = importlib.util.spec_from_file_location("latent_diffusion", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclass looks up its annotations
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(Shelf(load("emoji", REPOSITORY / "models" / "emoji")))


def both(
    read: ModuleType, engine: Engine, request: ImageRequest
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What the file makes, what the engine makes, and what the engine makes with another seed."""
    made = read.generate(
        read.load(),
        request.prompt,
        seed=request.seed,
        picture=None if request.image is None else Image.fromarray(request.image),
        strength=request.strength,
        mask=None if request.mask is None else Image.fromarray(request.mask),
    )
    other = picture(engine, replace(request, seed=request.seed + 1))
    return np.array(made), picture(engine, request), other


@pytest.fixture(scope="module")
def apple(engine: Engine) -> np.ndarray:
    return picture(engine, APPLE)


def test_it_is_short_enough_to_be_read():
    assert len(FILE.read_text().splitlines()) < LONGEST


def test_a_picture_from_words(read: ModuleType, engine: Engine):
    made, expected, other = both(read, engine, APPLE)
    assert difference(made, expected) <= TOLERANCE
    assert difference(other, expected) > 20


@pytest.mark.parametrize("strength", [0.4, 1.0])
@pytest.mark.slow
def test_a_picture_from_a_picture(
    read: ModuleType, engine: Engine, apple: np.ndarray, strength: float
):
    request = replace(APPLE, prompt="green apple, 3d", image=apple, strength=strength)
    made, expected, other = both(read, engine, request)
    assert difference(made, expected) <= TOLERANCE
    assert difference(other, expected) > 20


@pytest.mark.parametrize("strength", [0.6, 1.0])
@pytest.mark.slow
def test_a_part_of_a_picture_made_anew(
    read: ModuleType, engine: Engine, apple: np.ndarray, strength: float
):
    mask = np.zeros((128, 128), np.uint8)
    mask[:, 64:] = 255
    request = replace(APPLE, prompt="blue boat", image=apple, mask=mask, strength=strength)
    made, expected, other = both(read, engine, request)
    assert difference(made, expected) <= TOLERANCE
    assert difference(other, expected) > 20


def test_all_noise_taken_away_at_the_last_step_is_the_picture(read: ModuleType):
    model = read.load()
    generator = torch.Generator().manual_seed(0)
    latents, noise = (torch.randn((1, 4, 16, 16), generator=generator) for _ in range(2))
    first = read.timesteps(model, 20)[-1]
    stepped, clean = read.ddim_step(model, latents, noise, first, first - 50)
    # The schedule ends a hair above no noise at all.
    left = (1 - model.alphas[0]).sqrt() * noise
    assert torch.allclose(stepped - left, model.alphas[0].sqrt() * clean, atol=1e-6)


def test_noise_in_one_go_is_noise_step_by_step(read: ModuleType):
    """The closed form has the mean and the variance of 1000 small steps."""
    alphas = read.load().alphas
    kept, variance = 1.0, 0.0
    before = 1.0
    for alpha in alphas.double().tolist():
        beta = 1 - alpha / before
        kept, variance, before = kept * (1 - beta) ** 0.5, variance * (1 - beta) + beta, alpha
    assert kept == pytest.approx(alphas[-1].item() ** 0.5, rel=1e-4)
    assert variance == pytest.approx(1 - alphas[-1].item(), rel=1e-6)
