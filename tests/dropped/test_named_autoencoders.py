"""Autoencoders named with `vae`: for SDXL, for checkpoints without one, for transformers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.pipelines.auto_pipeline import AutoPipelineForText2Image
from safetensors.torch import save_file

from tests.checkpoints import files as checkpoints
from tests.checkpoints.files import fill
from tests.checkpoints.layers import autoencoder_shapes
from tests.dropped.conftest import Stock
from tests.dropped.dropping.room import LEVELS, Room, difference, room_in
from tests.dropped.test_checkpoints import ASKED
from tests.tiny.pipelines.pipelines import SAVERS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

XL = checkpoints.sdxl()
BARE = checkpoints.sdxl(vae=False)
STEPS, SEED = 3, 5
SMALL = {"prompt": "a red apple", "width": 16, "height": 16}
TRANSFORMERS = ("sd3", "flux")

TABLES = """
default = "tiny"
[models.tiny]
source = "tiny"
[models.fixed]
source = "large.safetensors"
vae = "fix"
[models.given]
source = "bare.safetensors"
vae = "fix"
"""


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    data: Path = tmp_path_factory.mktemp("named")
    XL.save(data / "large.safetensors")
    BARE.save(data / "bare.safetensors")
    (data / "models" / "vae").mkdir(parents=True)
    save_file(fill(autoencoder_shapes(), 8), data / "models" / "vae" / "fix.safetensors")
    tables = TABLES
    for name in TRANSFORMERS:
        SAVERS[name](data / name)
        own = AutoencoderKL.from_pretrained(data / name / "vae")
        generator = torch.Generator().manual_seed(4)
        for weight in own.parameters():
            weight.data += torch.randn(weight.shape, generator=generator) * 0.05
        own.save_pretrained(data / f"{name}-vae")
        file = data / f"{name}-vae" / "diffusion_pytorch_model.safetensors"
        (data / f"{name}-vae.safetensors").write_bytes(file.read_bytes())
        for kind, source in (("folder", f"{name}-vae"), ("file", f"{name}-vae.safetensors")):
            tables += f'[models.{name}-{kind}]\nsource = "{name}"\nvae = "{source}"\n'
        tables += f'[models.{name}-own]\nsource = "{name}"\n'
    (data / "models.toml").write_text(tables)
    with room_in(data) as room:
        yield room


@pytest.mark.parametrize("name", ["fixed", "given"])
def test_sdxl_takes_the_one_that_is_named_with_and_without_its_own(
    room: Room, stock: Stock, name: str
):
    data = room.site.data
    made = room.picture(model=name, seed=SEED, steps=STEPS, guidance_scale=5.0, **ASKED)
    said = ASKED | {"seed": SEED, "num_inference_steps": STEPS, "guidance_scale": 5.0}
    # The weights of both are the same but for the autoencoder.
    file, vae = data / "large.safetensors", data / "models" / "vae" / "fix.safetensors"
    assert difference(made, stock(XL, file, vae=vae, **said)) <= LEVELS
    assert difference(made, stock(XL, file, **said)) > LEVELS


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_a_transformer_takes_a_folder_or_a_file(room: Room, name: str):
    data = room.site.data
    asked = {"seed": SEED, "steps": STEPS, "guidance_scale": 1.0, **SMALL}
    pictures = {
        kind: room.picture(model=f"{name}-{kind}", **asked) for kind in ("own", "folder", "file")
    }
    pipe = AutoPipelineForText2Image.from_pretrained(
        data / name, vae=AutoencoderKL.from_pretrained(data / f"{name}-vae")
    )
    pipe.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(SEED)
    options = {"guidance_scale": 1.0, "num_inference_steps": STEPS, "output_type": "np", **SMALL}
    theirs = (pipe(generator=generator, **options).images[0] * 255).round().astype(int)
    for kind in ("folder", "file"):
        assert difference(pictures[kind], theirs) <= LEVELS, kind
    assert difference(pictures["own"], theirs) > LEVELS
