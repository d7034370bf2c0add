"""The configuration of an autoencoder, from the names and shapes of its tensors."""

from __future__ import annotations

import re
from typing import Any

from worker.models.files.errors import SourceError
from worker.models.files.formats.safetensors_file import Shapes

SCALING = {"sdxl": 0.13025, "sdxl-refiner": 0.13025}
"""What latents are multiplied with, so that their variance is 1; 0.18215 of the others."""
SCALING_BEFORE_XL = 0.18215


def autoencoder_config(shapes: Shapes, family: str, size: int) -> dict[str, Any]:
    """What diffusers' AutoencoderKL is made with, for tensors in either layout.

    `size` is that of the pictures that it was trained on. Raises SourceError.
    """
    channels: list[int] = []
    for at, layers in (("encoder.down", "block"), ("encoder.down_blocks", "resnets")):
        level = 0
        while (first := shapes.get(f"{at}.{level}.{layers}.0.conv1.weight")) is not None:
            channels.append(first[0])
            level += 1
        if channels:
            repeated = re.compile(re.escape(f"{at}.0.{layers}.") + r"(\d+)\.conv1\.weight")
            count = sum(bool(repeated.match(name)) for name in shapes)
            break
    else:
        raise SourceError("its autoencoder has no levels that Darkroom knows")
    return {
        "_class_name": "AutoencoderKL",
        "in_channels": shapes["encoder.conv_in.weight"][1],
        "out_channels": shapes["decoder.conv_out.weight"][0],
        "latent_channels": shapes["decoder.conv_in.weight"][1],
        "block_out_channels": channels,
        "down_block_types": ["DownEncoderBlock2D"] * len(channels),
        "up_block_types": ["UpDecoderBlock2D"] * len(channels),
        "layers_per_block": count,
        "act_fn": "silu",
        "norm_num_groups": 32,
        "sample_size": size,
        "scaling_factor": SCALING.get(family, SCALING_BEFORE_XL),
    }
