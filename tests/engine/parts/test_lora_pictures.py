"""Pictures with LoRAs: those of diffusers, alone and among others."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler

from tests.engine.helpers import Shelf, difference, load, picture, pictures, tiny
from tests.engine.parts.loras import loaded, stock
from worker.engine import Engine
from worker.engine.parts.lora import LoraLayer, LoraWeights
from worker.engine.request import Lora

# peft says so whenever a second LoRA is put on the stock pipeline.
pytestmark = pytest.mark.filterwarnings("ignore:Already found a `peft_config` attribute")


@pytest.fixture
def shelf(tiny_folder: Path, loras: dict[str, Path]) -> Shelf:
    """A model, and every LoRA for it."""
    shelf = Shelf(load("tiny", tiny_folder))
    shelf.add_ons |= {("lora", name): loaded(file) for name, file in loras.items()}
    return shelf


@pytest.fixture
def studio(shelf: Shelf) -> Engine:
    return Engine(shelf)


def test_a_picture_with_loras_is_what_diffusers_makes(
    studio: Engine, tiny_folder: Path, loras: dict[str, Path]
):
    pipeline = stock(tiny_folder, loras, {"kohya": 0.8, "diffusers": -0.5})
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config, clip_sample=False)
    expected = pipeline(
        "a red apple",
        negative_prompt="flat",
        num_inference_steps=4,
        guidance_scale=5.0,
        height=16,
        width=16,
        generator=torch.Generator().manual_seed(1),
        output_type="np",
    ).images[0]
    request = tiny(loras=(Lora("kohya", 0.8), Lora("diffusers", -0.5)))
    made = picture(studio, request)
    assert difference(made, (expected * 255).round().astype("uint8")) <= 1
    assert difference(made, picture(studio, tiny())) > 5


def test_pictures_with_and_without_loras_go_side_by_side(studio: Engine):
    requests = {
        "plain": tiny(seed=1),
        "half": tiny(seed=1, loras=(Lora("kohya", 0.5),)),
        "full": tiny(seed=1, loras=(Lora("kohya", 1.0),)),
        "both": tiny(seed=1, loras=(Lora("kohya", 1.0), Lora("locon", 0.5))),
        "again": tiny(seed=2, loras=(Lora("kohya", 0.5),)),
    }
    together = pictures(studio, **requests)
    for name, request in requests.items():
        assert together[name].error is None
        assert difference(together[name].image, picture(studio, request)) <= 1
    images = [together[name].image for name in ("plain", "half", "full", "both")]
    assert all(difference(one, other) > 2 for one, other in itertools.pairwise(images))


def test_a_lora_for_another_family_fails_its_picture_alone(studio: Engine, shelf: Shelf):
    wide = LoraLayer(torch.zeros(2, 768), torch.zeros(32, 2))
    path = "mid_block.attentions.0.transformer_blocks.0.attn2.to_k"
    shelf.add_ons["lora", "wide"] = LoraWeights("wide", {path: wide})
    done = pictures(studio, bad=tiny(loras=(Lora("wide"),)), good=tiny())
    assert "loras: wide changes mid_block" in str(done["bad"].error)
    assert done["good"].error is None
