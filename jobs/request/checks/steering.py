"""What steers the steps beside prompts, and which models it works with."""

from __future__ import annotations

from collections.abc import Iterator

from jobs.request.model_card import ModelCard
from jobs.request.request import GenerationRequest
from jobs.request.samplers import parts_of
from jobs.sentences import say

FIRST_ORDER = ("ddim", "euler")
"""Samplers that go one straight line a step and draw nothing, whose noise CFG++ may exchange."""


def faults(request: GenerationRequest, card: ModelCard) -> Iterator[tuple[str, str]]:
    """What of it cannot be with this model, each with the pointer of its field."""
    if request.class_label is not None and request.class_label >= card.classes:
        most = f"must be at most {card.classes - 1}; it is {request.class_label}"
        none = f"the model {card.name} has no classes; leave it out"
        yield "/class_label", most if card.classes else none
    if request.tiling != "none" and not card.unet:
        detail = say(
            "no-tiling",
            "the model {model} knows its edges: it has no convolutions that could wrap, as Stable"
            " Diffusion 1, 2 and XL have",
            model=card.name,
        )
        yield "/tiling", detail
    if request.reference_only and card.unet and "image-to-image" not in card.kinds:
        template = "the network of the model {model} is shown pictures of its own; leave it out"
        yield "/reference_only", say("shown-its-own", template, model=card.name)
    on_unets = {
        "reference_only": request.reference_only,
        "freeu": request.freeu,
        "pag_scale": request.pag_scale,
        "cfg_plus_plus": request.cfg_plus_plus,
    }
    for field, asked in on_unets.items():
        if asked and not card.unet:
            template = "acts on a U-Net, and the model {model} has none here"
            yield f"/{field}", say("no-unet", template, model=card.name)
    walked = (request.walk.samplers if request.walk else None) or []
    for name in walked or [request.sampler or card.sampler]:
        sampler = parts_of(name)[0]
        if request.cfg_plus_plus and card.unet and sampler not in FIRST_ORDER:
            takes = " or ".join(FIRST_ORDER)
            template = "takes the sampler {takes}; it is {sampler}"
            yield "/cfg_plus_plus", say("takes-sampler", template, takes=takes, sampler=sampler)
