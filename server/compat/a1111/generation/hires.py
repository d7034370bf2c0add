"""AUTOMATIC1111's second pass ("hires. fix"), as far as the engine has it."""

from __future__ import annotations

from pydantic import ValidationError

from jobs.request.fields.parts import Hires
from jobs.request.model_card import ModelCard
from jobs.request.notes import Note
from jobs.request.request import FieldError, InvalidRequest
from jobs.request.samplers import AUTOMATIC, canonical_schedule, split_sampler
from server.compat.a1111.errors import invalid
from server.compat.a1111.generation.payload import (
    SAME_CHECKPOINT,
    SAME_SAMPLER,
    STRENGTH,
    TextToImage,
)
from server.compat.a1111.upscaling import upscaler_named
from server.requests.validation import field_errors

SCALE = 2.0
"""AUTOMATIC1111's hr_scale where none is sent."""

POINTERS = {
    "/scale": "/hr_scale",
    "/steps": "/hr_second_pass_steps",
    "/strength": "/denoising_strength",
    "/upscaler": "/hr_upscaler",
    "/prompt": "/hr_prompt",
    "/negative_prompt": "/hr_negative_prompt",
}


def hires_of(
    payload: TextToImage, card: ModelCard, width: int, height: int, notes: list[Note]
) -> Hires:
    """The second pass that a payload asks for, after a first one of this size.

    Raises InvalidRequest, and a 422 for what would make it differ from the first pass in more than
    its size and its words: another sampler, another model.
    """
    _same(payload, card)
    strength = payload.denoising_strength
    try:
        return Hires(
            scale=_scale(payload, width, height),
            steps=payload.hr_second_pass_steps or None,
            strength=STRENGTH if strength is None else strength,
            upscaler=upscaler_named(
                payload.hr_upscaler or "Latent", "hr_upscaler", card.upscalers, notes, latent=True
            ),
            prompt=_own(payload.hr_prompt, payload.prompt),
            negative_prompt=_own(payload.hr_negative_prompt, payload.negative_prompt),
        )
    except ValidationError as error:
        errors = field_errors(error)
        raise InvalidRequest(
            [FieldError(pointer=POINTERS[each.pointer], detail=each.detail) for each in errors]
        ) from None


def _scale(payload: TextToImage, width: int, height: int) -> float:
    across, down = payload.hr_resize_x or 0, payload.hr_resize_y or 0
    if payload.firstphase_width or payload.firstphase_height:
        # Old clients say how large the first pass is, and mean width and height for the second.
        across, down = payload.width or 0, payload.height or 0
    if across and down and abs(across / width - down / height) > 1 / min(width, height):
        detail = f"must keep the shape of {width}x{height}; it is {across}x{down}"
        raise invalid("hr_resize_x", detail)
    if across or down:
        return across / width if across else down / height
    return SCALE if payload.hr_scale is None else payload.hr_scale


def _same(payload: TextToImage, card: ModelCard) -> None:
    sampler = payload.hr_sampler_name
    if sampler is not None and sampler not in SAME_SAMPLER:
        first = payload.sampler_name or payload.sampler_index or card.sampler
        if _bare(sampler) != _bare(first):
            raise invalid("hr_sampler_name", "must be the first pass's sampler; leave it out")
    schedule = payload.hr_scheduler
    if schedule is not None and schedule not in SAME_SAMPLER:
        first = payload.scheduler or AUTOMATIC
        if canonical_schedule(schedule) != canonical_schedule(first):
            raise invalid("hr_scheduler", "must be the first pass's scheduler; leave it out")
    checkpoint = payload.hr_checkpoint_name
    if checkpoint is not None and checkpoint != SAME_CHECKPOINT:
        raise invalid("hr_checkpoint_name", "must be left out: one model makes a picture here")


def _own(second: str | None, first: str | None) -> str | None:
    """A prompt of the second pass that is another than the first one's."""
    return second if second and second != first else None


def _bare(sampler: str) -> str | None:
    """The sampler's own name, without a schedule."""
    parts = split_sampler(sampler)
    return parts and parts[0]
