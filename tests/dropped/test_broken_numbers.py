"""Files whose numbers lead out of half precision, or are none: no black picture without a word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.dropped.dropping.room import LEVELS, Room, difference, room_in
from tests.tiny.model import save_tiny_model
from tests.tiny.parts import save_tiny_lora

ASKED = {"prompt": "a red apple", "seed": 5, "steps": 2}

TABLES = """
default = "tiny"
[models.tiny]
source = "tiny"
[models.wide]
source = "overflows"
dtype = "float32"
[models.half]
source = "overflows"
dtype = "float16"
"""


def changed(folder: Path, part: str, names: str, to: float) -> None:
    """Multiply some weights of a part of a model, so that the largest comes to `to`."""
    file = folder / part / "diffusion_pytorch_model.safetensors"
    weights = load_file(file)
    found = [name for name in weights if name.startswith(names)]
    assert found
    for name in found:
        weights[name] = weights[name] * (to / weights[name].abs().max())
    save_file(weights, file, metadata={"format": "pt"})


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    data = tmp_path_factory.mktemp("numbers")
    # As SDXL's first autoencoder: what follows a norm does not care how large the numbers were.
    changed(save_tiny_model(data / "overflows"), "vae", "decoder.conv_in.weight", 3e4)
    changed(save_tiny_model(data / "models" / "holes"), "unet", "conv_in", torch.nan)
    changed(save_tiny_model(data / "models" / "blind"), "vae", "decoder.conv_out", torch.nan)
    lora = data / "models" / "loras" / "torn.safetensors"
    save_tiny_lora(lora, data / "overflows")
    weights = load_file(lora)
    weights[min(weights)].fill_(torch.nan)
    save_file(weights, lora)
    (data / "models.toml").write_text(TABLES)
    with room_in(data) as room:
        yield room


@pytest.mark.slow
def test_an_autoencoder_that_leaves_half_precision_decodes_in_float32(room: Room):
    wide, half = (room.picture(model=name, **ASKED) for name in ("wide", "half"))
    # Half precision drew it, and that differs by itself.
    assert difference(wide, half) <= 10 * LEVELS
    assert "leaves the range of float16" in room.site.worker.log()


@pytest.mark.parametrize(
    ("model", "part"),
    [
        ("holes", "UNet2DConditionModel"),
        ("blind", "AutoencoderKL"),
    ],
)
@pytest.mark.slow
def test_weights_that_are_no_numbers_are_named(room: Room, model: str, part: str):
    job = room.job(model=model, **ASKED)
    assert job["status"] == "failed"
    assert job["error"]["detail"].startswith(f"{model} is broken: its {part} has NaN")


def test_a_lora_of_no_numbers_is_refused_and_its_model_goes_on(room: Room):
    job = room.job(loras=[{"name": "torn"}], **ASKED)
    assert job["status"] == "failed"
    assert "has NaN or infinity; fetch the file again" in job["error"]["detail"]
    assert room.job(**ASKED)["status"] == "succeeded"
