"""The pictures that a request starts from: which fields name them, and what came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jobs.request.request import GenerationRequest, ResolvedRequest


def named_pictures(request: GenerationRequest | ResolvedRequest) -> dict[str, str]:
    """Each picture that a request starts from, by the JSON pointer of the field that names it."""
    named = {"/image": request.image, "/mask": request.mask}
    named |= {f"/references/{index}": each for index, each in enumerate(request.references)}
    for index, control in enumerate(request.controls):
        named[f"/controls/{index}/image"] = control.image
        named[f"/controls/{index}/mask"] = control.mask
    for number, each in enumerate(request.ip_adapters):
        named |= {f"/ip_adapters/{number}/images/{at}": one for at, one in enumerate(each.images)}
        named[f"/ip_adapters/{number}/mask"] = each.mask
    if request.reference_only is not None:
        named["/reference_only/image"] = request.reference_only.image
    named |= {f"/regions/{index}/mask": each.mask for index, each in enumerate(request.regions)}
    return {pointer: picture for pointer, picture in named.items() if picture is not None}


@dataclass(frozen=True)
class InputPicture:
    """A picture that came with a request: its id in the store and its size in pixels.

    `prompt` and `negative_prompt` are those of its own recipe, where it carries one; `levels` are
    the darkest and the lightest of a mask; `transparent` whether it came with anything that is, and
    has white there now.
    """

    id: str
    width: int
    height: int
    prompt: str = ""
    negative_prompt: str = ""
    levels: tuple[int, int] | None = None
    transparent: bool = False


Pictures = Mapping[str, InputPicture]
"""The pictures of a request by the JSON pointer of the field that named them."""
