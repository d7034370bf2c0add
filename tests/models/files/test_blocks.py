"""Blocks of U-Nets by their configurations are those of the networks."""

from __future__ import annotations

from typing import Any

import pytest
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from worker.engine.parts.unet_blocks import unet_blocks
from worker.models.files.configurations.blocks import block_names

SMALL: dict[str, Any] = {"cross_attention_dim": 8, "attention_head_dim": 4, "norm_num_groups": 4}


@pytest.mark.parametrize(
    ("stages", "layers", "names"),
    [(4, 2, 12 + 1 + 12), (3, 2, 9 + 1 + 9), (2, 1, 4 + 1 + 4), (2, [1, 3], 6 + 1 + 6)],
)
def test_blocks_are_named_as_the_network_has_them(stages: int, layers: Any, names: int):
    """SD 1, SDXL, and smaller ones, whose stages may differ."""
    unet: Any = UNet2DConditionModel(
        block_out_channels=(4,) * stages,
        down_block_types=("DownBlock2D",) * stages,
        up_block_types=("UpBlock2D",) * stages,
        layers_per_block=layers,
        **SMALL,
    )
    assert block_names(unet.config) == tuple(unet_blocks(unet))
    assert len(unet_blocks(unet)) == names
