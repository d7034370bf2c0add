"""Random ControlNets of the real classes for the tiny transformers of pipelines.py."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.models.controlnets.controlnet_flux import FluxControlNetModel
from diffusers.models.controlnets.controlnet_qwenimage import QwenImageControlNetModel
from diffusers.models.controlnets.controlnet_sd3 import SD3ControlNetModel
from safetensors.torch import save_file

from tests.tiny.networks import QWEN_IMAGE
from tests.tiny.pipelines.controlnet_layouts import diffusers, stability, xlabs
from tests.tiny.pipelines.transformer_layouts import Tensors

ONE_HEAD: dict[str, Any] = {"attention_head_dim": 32, "num_attention_heads": 1}
"""As wide as the tiny transformers are, in one head: a file does not say how wide each is, but for
the norms of a family whose heads are divided among frame, line and column by one rule."""

PLACES = [4, 14, 14]

TOLD: dict[str, Any] = {"guidance_embeds": True}


def _sd3(**options: Any) -> SD3ControlNetModel:
    usual: dict[str, Any] = {
        "sample_size": 8,
        "patch_size": 2,
        "in_channels": 16,
        "out_channels": 16,
        "num_layers": 1,
        "attention_head_dim": 8,
        "num_attention_heads": 4,
        "caption_projection_dim": 32,
        "joint_attention_dim": 64,
        "pooled_projection_dim": 64,
        "pos_embed_max_size": 16,
    }
    return SD3ControlNetModel(**usual | options)


def _flux(pixels: int | None = None, modes: int | None = None, **options: Any) -> Any:
    usual: dict[str, Any] = {
        "patch_size": 1 if pixels is None else 2,
        "in_channels": 64,
        "num_layers": 1,
        "num_single_layers": 1,
        "attention_head_dim": 16,
        "num_attention_heads": 2,
        "joint_attention_dim": 32,
        "pooled_projection_dim": 32,
        "axes_dims_rope": [4, 4, 8],
        "guidance_embeds": pixels is None,
        "conditioning_embedding_channels": pixels,
        "num_mode": modes,
    }
    return FluxControlNetModel(**usual | options)


def _qwen() -> QwenImageControlNetModel:
    return QwenImageControlNetModel(**QWEN_IMAGE)


NETS: Mapping[str, Callable[[], Any]] = {
    "sd3": _sd3,
    "flux": _flux,
    "qwen-image": _qwen,
    "union": lambda: _flux(modes=3),
    "pixels": lambda: _flux(pixels=16),
}
"""By the families that they steer; and for Flux one of several modes, and one that looks at pixels
(for an autoencoder of four levels)."""


@dataclass(frozen=True)
class Single:
    """A ControlNet in one file: the family that it steers, what makes it, and by which names."""

    family: str
    make: Callable[[], Any]
    layout: Callable[[Mapping[str, torch.Tensor]], Tensors]


SINGLE: Mapping[str, Single] = {
    "xlabs": Single(
        "flux",
        lambda: _flux(
            16, axes_dims_rope=PLACES, num_layers=2, num_single_layers=0, **TOLD, **ONE_HEAD
        ),
        xlabs,
    ),
    "instantx": Single("flux", lambda: _flux(axes_dims_rope=PLACES, **ONE_HEAD), diffusers),
    "instantx-sd3": Single("sd3", lambda: _sd3(qk_norm="rms_norm"), diffusers),
    "stability": Single(
        "sd3",
        lambda: _sd3(
            joint_attention_dim=None,
            num_layers=2,
            pos_embed_type=None,
            pos_embed_max_size=None,
            use_pos_embed=False,
            force_zeros_for_pooled_projection=False,
            **ONE_HEAD,
        ),
        stability,
    ),
    "instantx-qwen": Single(
        "qwen-image",
        lambda: QwenImageControlNetModel(**QWEN_IMAGE | {"axes_dims_rope": PLACES} | ONE_HEAD),
        diffusers,
    ),
}
"""As they are shared, for the tiny models of their families."""


def save_single_control(name: str, file: Path, folder: Path) -> None:
    """Writes one of SINGLE as it is shared, and beside it in diffusers' layout."""
    net = _drawn(SINGLE[name].make)
    net.save_pretrained(folder, safe_serialization=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(SINGLE[name].layout(net.state_dict()), file)


def save_tiny_control(name: str, folder: Path, seed: int = 1) -> Path:
    """Writes one of NETS for its family's tiny model, in the diffusers layout."""
    _drawn(NETS[name], seed).save_pretrained(folder, safe_serialization=True)
    return folder


def _drawn(make: Callable[[], Any], seed: int = 1) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = make()
        # What joins it to the transformer begins at zero, and would stay without an effect.
        for parameter in net.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.3)
    return net
