"""The blocks of a U-Net that a LoRA's weights may name, by its configuration. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def block_names(unet: Mapping[str, Any]) -> tuple[str, ...]:
    """IN00 to MID to OUT.., counted as `worker.engine.parts.unet_blocks` counts what was loaded."""
    stages = len(unet["block_out_channels"])
    layers = unet.get("layers_per_block", 2)
    each = [layers] * stages if isinstance(layers, int) else list(layers)
    # One for the first convolution, one a layer, and one a downsampler, which the last stage lacks.
    down = 1 + sum(each) + stages - 1
    up = sum(each) + stages
    return (
        *(f"IN{number:02}" for number in range(down)),
        "MID",
        *(f"OUT{number:02}" for number in range(up)),
    )
