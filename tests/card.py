"""The one model card that tests start from."""

from __future__ import annotations

from typing import Any

from jobs.prompts.block_weights import INS, MID, OUTS
from jobs.request.model_card import ModelCard


def make_card(**fields: Any) -> ModelCard:
    """A card of a small model that does everything, but for these fields."""
    usual: dict[str, Any] = {
        "name": "small",
        "title": "Small",
        "default": True,
        "family": "sd1",
        "width": 64,
        "height": 64,
        "factor": 8,
        "steps": 20,
        "guidance_scale": 5.0,
        "sampler": "pndm",
        "window": 77,
        "lora_blocks": [*INS, MID, *OUTS],
        "kinds": [
            "text-to-image",
            "image-to-image",
            "inpaint",
            "outpaint",
            "upscale",
            "variations",
        ],
    }
    return ModelCard(**usual | fields)
