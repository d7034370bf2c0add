"""What an IP-Adapter's file says: what it is for, and whose reading it takes. No torch."""

from __future__ import annotations

import re
from dataclasses import dataclass

from worker.models.files.errors import SourceError
from worker.models.files.formats.safetensors_file import Shapes

PROJECTION = "image_proj."
LAYERS = "ip_adapter."

LAYER = re.compile(r"ip_adapter\.(\d+)\.to_k_ip\.weight")


@dataclass(frozen=True)
class AdapterFor:
    """What an IP-Adapter fits: UNets that read text of a width, image encoders that give vectors of
    a width, one a picture or with `patches` one a patch."""

    text: int
    reads: int
    patches: bool


def is_adapter(shapes: Shapes) -> bool:
    """Whether a file is an IP-Adapter, of whatever kind."""
    return any(name.startswith(PROJECTION) for name in shapes) and any(
        name.startswith(LAYERS) for name in shapes
    )


def adapter_for(where: str, shapes: Shapes) -> AdapterFor:
    """What an IP-Adapter is for. Raises SourceError, which begins with `where`, for one that is of
    no use here."""
    parts = {name.removeprefix(PROJECTION): shape for name, shape in shapes.items()}
    layers = layers_in(shapes)
    by_face = "proj.2.weight" in parts and "proj.3.weight" not in parts
    if by_face or any("lora" in name for name in shapes):
        raise SourceError(
            f"{where}: it is an IP-Adapter FaceID, which is told of a face by InsightFace; here"
            " are those that read pictures through CLIP, such as plus-face."
        )
    if not layers:
        raise SourceError(f"{where}: it is no IP-Adapter for a UNet; it has no to_k_ip.")
    text = shapes[f"{LAYERS}{layers[0]}.to_k_ip.weight"][1]
    if (vector := parts.get("proj.weight")) is not None:
        return AdapterFor(text, vector[1], patches=False)
    for name in ("proj_in.weight", "proj.0.weight"):
        if name in parts:
            return AdapterFor(text, parts[name][1], patches=True)
    names = ", ".join(sorted(parts)[:3])
    raise SourceError(f"{where}: it is an IP-Adapter of an unknown kind: it holds {names}.")


def layers_in(shapes: Shapes) -> list[int]:
    """The numbers of its layers, in their order."""
    return sorted(int(found[1]) for name in shapes if (found := LAYER.fullmatch(name)))
