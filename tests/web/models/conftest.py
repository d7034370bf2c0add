"""A server with files of models, to be looked at, chosen and changed on the page."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.adding.elsewhere import Elsewhere, Repository, served
from tests.running.hand_worker import png
from tests.running.kept import Kept
from tests.running.site import Site, site_in
from tests.tiny.model import save_tiny_model
from tests.tiny.models import save_tiny

MODELS = """
default = "plain"
[models.plain]
source = "tiny"
title = "Plain"
description = "Draws what it is told, small and at once."
licence = "CC0"
[models.other]
source = "tiny"
title = "Other"
steps = 3
[models.large]
source = "sdxl"
title = "Large"
"""


def save_lora(model: Path, file: Path, title: str, words: dict[str, int]) -> None:
    """A LoRA for a model's UNet, with what trainers write into its metadata."""
    generator = torch.Generator().manual_seed(len(title))
    tensors: dict[str, torch.Tensor] = {}
    for name, weight in load_file(model / "unet" / "diffusion_pytorch_model.safetensors").items():
        if not name.endswith("attn2.to_k.weight"):
            continue
        at = f"lora_unet_{name.removesuffix('.weight').replace('.', '_')}"
        tensors[f"{at}.lora_up.weight"] = torch.randn(len(weight), 4, generator=generator)
        tensors[f"{at}.lora_down.weight"] = torch.randn(4, weight.shape[1], generator=generator)
        tensors[f"{at}.alpha"] = torch.tensor(4.0)
    metadata = {
        "format": "pt",
        "modelspec.title": title,
        "modelspec.description": f"Everything as if drawn with {title.lower()}.",
        "ss_tag_frequency": json.dumps({"pictures": words}),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file, metadata=metadata)


def save_embedding(file: Path, width: int) -> None:
    """A word that was learned, for text of this width."""
    file.parent.mkdir(parents=True, exist_ok=True)
    words = torch.randn(2, width, generator=torch.Generator().manual_seed(1)) * 0.1
    save_file({"emb_params": words}, file)


def fill(data: Path) -> None:
    """Models, a LoRA, a learned word, and a file that is no use."""
    save_tiny_model(data / "tiny")
    save_tiny("sdxl", data / "sdxl")
    (data / "models.toml").write_text(MODELS)
    dropped = data / "models"
    save_lora(data / "tiny", dropped / "loras" / "ink.safetensors", "Ink", {"ink style": 40})
    save_embedding(dropped / "embeddings" / "bad-hands.safetensors", 32)
    shutil.copytree(data / "tiny" / "vae", dropped / "vae" / "clear")
    (dropped / "old.ckpt").write_bytes(b"\x80pickle")


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    """A hub and Civitai, each with a LoRA, and the hub with a model."""
    shared = tmp_path_factory.mktemp("shared")
    save_tiny_model(shared / "tiny")
    with served() as elsewhere:
        save_lora(shared / "tiny", shared / "snow.safetensors", "Snow", {"deep snow": 5})
        elsewhere.repositories["someone/snow-lora"] = Repository(
            {"pytorch_lora_weights.safetensors": (shared / "snow.safetensors").read_bytes()},
            card={"license": "mit", "instance_prompt": "deep snow"},
            tags=["lora", "license:mit", "base_model:runwayml/stable-diffusion-v1-5"],
        )
        elsewhere.repositories["someone/tiny"] = Repository(
            {
                str(each.relative_to(shared / "tiny")): each.read_bytes()
                for each in (shared / "tiny").rglob("*")
                if each.is_file()
            }
        )
        save_lora(shared / "tiny", shared / "bright.safetensors", "Bright", {"sunny day": 5})
        bright = (shared / "bright.safetensors").read_bytes()
        elsewhere.files["shown.png"] = png(640, 480, "orange")
        images = [{"url": elsewhere.link("shown.png"), "nsfwLevel": 1, "type": "image"}]
        elsewhere.civitai_model(7, "LORA", "bright.safetensors", bright, version={"images": images})
        yield elsewhere


@pytest.fixture(scope="module")
def site(kept: Kept, elsewhere: Elsewhere, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return kept.one("rooms", lambda: opened(elsewhere, tmp_path_factory.mktemp("models")))


@contextmanager
def opened(elsewhere: Elsewhere, data: Path) -> Iterator[Site]:
    """A whole server with these files, that looks for more in these places."""
    fill(data)
    chosen = {
        "models": data / "models.toml",
        "hf_endpoint": elsewhere.url,
        "hf_hub_offline": "0",
        "civitai_url": elsewhere.url.replace("127.0.0.1", "localhost"),
        "download_allow": "127.0.0.1",
    }
    with site_in(data, **chosen) as site:
        yield site
