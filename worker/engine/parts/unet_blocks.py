"""The blocks of a U-Net by the names that they have in block weights of LoRAs."""

from collections.abc import Mapping, Sequence
from typing import Any


def unet_blocks(unet: Any) -> Mapping[str, Sequence[str]]:
    """Each block's layers, as what their paths begin with, dots as underscores.

    Blocks are counted as the original code of Stable Diffusion lays its U-Net out, IN00 to MID to
    OUT11: on the way down each layer and each downsampler is one, the way up has one a layer, with
    the upsampler in the last of its stage.
    """
    found: dict[str, list[str]] = {"IN00": ["conv_in"]}
    number = 1
    for stage, block in enumerate(unet.down_blocks):
        for layer in range(len(block.resnets)):
            found[f"IN{number:02}"] = _layer("down", stage, layer)
            number += 1
        if block.downsamplers:
            found[f"IN{number:02}"] = [f"down_blocks_{stage}_downsamplers_"]
            number += 1
    found["MID"] = ["mid_block_"]
    number = 0
    for stage, block in enumerate(unet.up_blocks):
        for layer in range(len(block.resnets)):
            found[f"OUT{number:02}"] = _layer("up", stage, layer)
            number += 1
        if block.upsamplers:
            found[f"OUT{number - 1:02}"].append(f"up_blocks_{stage}_upsamplers_")
    return found


def _layer(way: str, stage: int, layer: int) -> list[str]:
    return [f"{way}_blocks_{stage}_{kind}_{layer}_" for kind in ("resnets", "attentions")]
