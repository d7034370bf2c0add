"""What a recipe's picture was made of that its text does not hold: other pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

REGIONS = "Regions"
"""Ours: the prompts that have places, as JSON."""

EDIT_PICTURES = "Edited pictures"
"""Ours: how many pictures an edit was given."""

FROM_A_PICTURE = (
    *("Denoising strength", "Mask blur", "ControlNet", "IP-Adapter", "Inpaint area"),
    *("Image CFG scale", EDIT_PICTURES),
)
"""Names by which a recipe shows that it was made of another picture."""

REFERENCE = "Module: reference"
"""How the extension for ControlNets writes a reference, which has no model."""

STEERED = {
    "ControlNet": ("/controls", "a ControlNet's `image` in `controls`"),
    "IP-Adapter": ("/ip_adapters", "its `images` in `ip_adapters`"),
    REGIONS: ("/regions", "a region's `mask` in `regions`"),
}
"""Those that steer it: the field that takes them, and how they are sent there."""


@dataclass(frozen=True)
class Lack:
    """A picture that is missing: the pointer of its field, and a sentence about the text."""

    pointer: str
    detail: str


def lacking(settings: Mapping[str, str]) -> tuple[Lack, ...]:
    """What is missing by the settings that show it, one for each field."""
    found: dict[str, Lack] = {}
    for name, value in settings.items():
        steered = next((STEERED[each] for each in STEERED if name.startswith(each)), None)
        if REFERENCE in value:
            steered = "/reference_only", "`image` in `reference_only`"
        pointer, sent = steered or ("/image", "`image` with a `kind` that starts from one")
        done = "steered by" if steered else "made from"
        detail = (
            f"was {done} another picture ({name}), which its text does not hold; send that picture"
            f" as {sent}"
        )
        found.setdefault(pointer, Lack(pointer, detail))
    return tuple(found.values())
