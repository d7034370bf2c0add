"""What lies in the trees of other programs: found, named, and equal to stock's in the picture."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from tests.checkpoints import files as checkpoints
from tests.checkpoints.files import fill
from tests.checkpoints.layers import autoencoder_shapes
from tests.dropped.conftest import Stock
from tests.dropped.dropping.room import LEVELS, Room, difference, room_in
from tests.dropped.dropping.stocked import steered, taught
from tests.dropped.test_checkpoints import ASKED, SIDE, scene, sent
from tests.tiny.models import save_tiny

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

SD1 = checkpoints.sd1()
STEPS, SEED = 3, 5
STOCK = ASKED | {"seed": SEED, "num_inference_steps": STEPS, "guidance_scale": 7.5}


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """A tree of ComfyUI, one of A1111, and in both what people have in them."""
    data = tmp_path_factory.mktemp("trees")
    comfy, a1111 = data / "ComfyUI", data / "webui"
    SD1.save(comfy / "models" / "checkpoints" / "anime" / "Dream v2.safetensors")
    bare = checkpoints.sd1(vae=False)
    bare.save(a1111 / "models" / "Stable-diffusion" / "bare.safetensors")
    vae = {f"first_stage_model.{key}": shape for key, shape in autoencoder_shapes().items()}
    _save(a1111 / "models" / "Stable-diffusion" / "bare.vae.safetensors", fill(vae, 7))
    _save(comfy / "models" / "vae" / "blessed.safetensors", fill(autoencoder_shapes(), 8))
    _save(comfy / "models" / "controlnet" / "edges.safetensors", fill(SD1.unet.controlnet(), 9))
    words = torch.randn(2, 64, generator=torch.Generator().manual_seed(1)) * 0.1
    _save(a1111 / "embeddings" / "bad-hands.safetensors", {"emb_params": words})
    _save(comfy / "models" / "unet" / "flux.safetensors", {FLUX: torch.zeros(1)})
    (a1111 / "models" / "Stable-diffusion" / "old.ckpt").write_bytes(b"\x80pickle")
    whole = (comfy / "models" / "vae" / "blessed.safetensors").read_bytes()
    (comfy / "models" / "vae" / "half.safetensors").write_bytes(whole[:-1000])
    _only_fp16(save_tiny("sd1", data / "models" / "folder"))
    models = data / "models.toml"
    SD1.save(data / "named.safetensors")
    models.write_text(
        'default = "tiny"\n[models.tiny]\nsource = "tiny"\n'
        '[models.blest]\nsource = "named.safetensors"\nvae = "blessed"\nsteps = 7\n'
    )
    with room_in(data, models_folders=f"{comfy}{os.pathsep}{a1111}") as room:
        yield room


def _only_fp16(folder: Path) -> None:
    for file in folder.rglob("*.safetensors"):
        file.rename(file.with_name(f"{file.stem}.fp16.safetensors"))


FLUX = "double_blocks.0.img_attn.norm.key_norm.scale"


def _save(file: Path, tensors: dict[str, Any]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file)
    return file


def test_trees_of_other_programs_are_offered_and_what_is_no_use_is_said(room: Room):
    models = room.models()
    assert models.keys() == {"tiny", "blest", "dream-v2", "bare", "folder"}
    assert models["blest"]["steps"] == 7
    assert [each["name"] for each in models["dream-v2"]["controlnets"]] == ["edges"]
    assert [each["name"] for each in models["dream-v2"]["embeddings"]] == ["bad-hands"]
    log = room.site.worker.log()
    assert "flux.safetensors is not offered: it is a Flux transformer." in log
    assert "old.ckpt is a pickle" in log
    assert "half.safetensors is cut off" in log


def test_a_folder_with_half_precision_alone_is_taken(room: Room, tmp_path: Path):
    from diffusers import StableDiffusionPipeline

    asked = {"prompt": "a red apple", "width": 32, "height": 32}
    made = room.picture(model="folder", seed=SEED, steps=STEPS, **asked)
    pipe = StableDiffusionPipeline.from_pretrained(save_tiny("sd1", tmp_path / "sd1"))
    pipe.set_progress_bar_config(disable=True)
    generator = torch.Generator().manual_seed(SEED)
    theirs = pipe(num_inference_steps=STEPS, generator=generator, output_type="np", **asked)
    assert difference(made, (theirs.images[0] * 255).round().astype(int)) <= LEVELS


def test_a_checkpoint_takes_the_autoencoder_that_is_named_for_it(room: Room, stock: Stock):
    """By its table, by its file's name where it has none; and the pictures differ."""
    files = {
        "dream-v2": None,
        "blest": room.site.data / "ComfyUI" / "models" / "vae" / "blessed.safetensors",
        "bare": room.site.data / "webui/models/Stable-diffusion/bare.vae.safetensors",
    }
    checkpoint = room.site.data / "named.safetensors"
    pictures = {
        name: room.picture(model=name, seed=SEED, steps=STEPS, guidance_scale=7.5, **ASKED)
        for name in files
    }
    for name, file in files.items():
        theirs = stock(SD1, checkpoint, vae=file, **STOCK)
        assert difference(pictures[name], theirs) <= LEVELS, name
    assert difference(pictures["dream-v2"], pictures["blest"]) > LEVELS


def test_a_controlnet_in_its_inventors_layout_steers_as_in_stock_diffusers(
    room: Room, stock: Stock
):
    control = {"model": "edges", "image": sent(scene())}
    asked = {"model": "dream-v2", "seed": SEED, "steps": STEPS, **ASKED}
    made, plain = room.picture(**asked, controls=[control]), room.picture(**asked)
    file = room.site.data / "ComfyUI" / "models" / "controlnet" / "edges.safetensors"

    checkpoint = room.site.data / "named.safetensors"
    theirs = stock(SD1, checkpoint, change=steered(file), image=scene(), **STOCK)
    assert difference(made, theirs) <= LEVELS
    assert difference(made, plain) > LEVELS


def test_an_embedding_is_a_word_of_the_prompt(room: Room, stock: Stock):
    asked = {"model": "dream-v2", "seed": SEED, "steps": STEPS, **ASKED}
    made = room.picture(**asked | {"negative_prompt": "Bad-Hands"})
    file = room.site.data / "webui" / "embeddings" / "bad-hands.safetensors"

    theirs = stock(
        SD1,
        room.site.data / "named.safetensors",
        change=taught(file, "bad-hands"),
        negative_prompt="bad-hands",
        **STOCK,
    )
    assert made.shape[0] == SIDE
    assert difference(made, theirs) <= LEVELS
