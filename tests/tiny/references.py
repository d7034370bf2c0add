"""Random IP-Adapters for the tiny UNets, as their makers share them, and an image encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from worker.models.tables import IPAdapterEntry

Form = Literal["base", "plus", "full"]

SIDE, WIDTH, VECTOR = 32, 32, 24
"""The encoder's: of the pictures that it reads, of a patch, of a picture."""

PATCHES = (SIDE // 8) ** 2 + 1


def save_tiny_image_encoder(folder: Path) -> Path:
    """CLIP's image encoder, in transformers' layout."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        CLIPVisionModelWithProjection(
            CLIPVisionConfig(
                hidden_size=WIDTH,
                intermediate_size=2 * WIDTH,
                num_hidden_layers=3,
                num_attention_heads=4,
                image_size=SIDE,
                patch_size=8,
                projection_dim=VECTOR,
            )
        ).save_pretrained(folder)
    return folder


def save_tiny_ip_adapter(file: Path, model: Path, form: Form = "base", seed: int = 0) -> Path:
    """An IP-Adapter for the model in the folder `model`, strong enough to change every picture."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int, scale: float = 0.3) -> torch.Tensor:
        return torch.randn(shape, generator=generator) * scale

    unet = UNet2DConditionModel.from_pretrained(model / "unet")
    text: int = unet.config.cross_attention_dim
    make = {"base": _base, "plus": _plus, "full": _full}[form]
    tensors = {f"image_proj.{name}": drawn(*shape) for name, shape in make(text).items()}
    wide = [
        module.inner_dim
        for name, module in unet.named_modules()
        if name.endswith("attn2") and module.is_cross_attention
    ]
    for number, width in enumerate(wide):
        for end in ("to_k_ip", "to_v_ip"):
            tensors[f"ip_adapter.{2 * number + 1}.{end}.weight"] = drawn(width, text)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file)
    return file


def _base(text: int) -> dict[str, tuple[int, ...]]:
    return {
        "proj.weight": (4 * text, VECTOR),
        "proj.bias": (4 * text,),
        "norm.weight": (text,),
        "norm.bias": (text,),
    }


def _full(text: int) -> dict[str, tuple[int, ...]]:
    return {
        "proj.0.weight": (WIDTH, WIDTH),
        "proj.0.bias": (WIDTH,),
        "proj.2.weight": (text, WIDTH),
        "proj.2.bias": (text,),
        "proj.3.weight": (text,),
        "proj.3.bias": (text,),
    }


def _plus(text: int) -> dict[str, tuple[int, ...]]:
    inner, wide = 64, 48
    shapes: dict[str, tuple[int, ...]] = {
        "latents": (1, 5, wide),
        "proj_in.weight": (wide, WIDTH),
        "proj_in.bias": (wide,),
        "proj_out.weight": (text, wide),
        "proj_out.bias": (text,),
        "norm_out.weight": (text,),
        "norm_out.bias": (text,),
    }
    for layer in range(4):
        at = f"layers.{layer}"
        for norm in ("0.norm1", "0.norm2", "1.0"):
            shapes |= {f"{at}.{norm}.weight": (wide,), f"{at}.{norm}.bias": (wide,)}
        shapes |= {
            f"{at}.0.to_q.weight": (inner, wide),
            f"{at}.0.to_kv.weight": (2 * inner, wide),
            f"{at}.0.to_out.weight": (wide, inner),
            f"{at}.1.1.weight": (4 * wide, wide),
            f"{at}.1.3.weight": (wide, 4 * wide),
        }
    return shapes


def ip_adapter_entry(source: Path, name: str = "tiny", **fields: object) -> IPAdapterEntry:
    """What models.toml would say of an IP-Adapter's file."""
    own = {"name": name, "base": source.parent, "section": "ip_adapters", "source": str(source)}
    return IPAdapterEntry.model_validate(own | fields)
