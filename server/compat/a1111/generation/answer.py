"""What txt2img and img2img answer: the pictures, the parameters, and all that is known of them."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from flask import Response, jsonify
from PIL import Image

from jobs.pictures.pictures import INFOTEXT
from jobs.recipes.infotext import prompt_with_loras
from jobs.records.events import Output
from jobs.records.record import JobRecord
from jobs.request.fields.values import SEEDS
from jobs.request.model_card import ModelCard
from jobs.request.request import ResolvedRequest
from jobs.request.samplers import SAMPLERS, SCHEDULES
from server.compat.a1111.base64 import encode_base64
from server.compat.a1111.checkpoints import short_hash
from server.compat.a1111.generation.payload import ImageToImage, Payload
from server.compat.a1111.generation.translation import sentences
from server.compat.a1111.vaes import vae_title
from server.openapi import server_version
from server.pages.renditions import Format, render

NONE_DRAWN = -1
"""What stands for a seed that was not used."""


@dataclass(frozen=True)
class Shown:
    """The format that the caller's options name, and maps of ControlNets behind the pictures."""

    samples_format: str
    maps: Sequence[bytes] = ()

    @property
    def as_format(self) -> Format:
        """The format by its own name."""
        asked = self.samples_format
        return "jpeg" if asked in ("jpg", "jpeg") else "webp" if asked == "webp" else "png"


def answer(
    record: JobRecord,
    made: Sequence[tuple[Output, bytes]],
    payload: Payload,
    sent: dict[str, Any],
    card: ModelCard,
    shown: Shown,
) -> Response:
    """The answer with the pictures that were made, which may be fewer than were asked for.

    There is never a grid before them: each is a picture, and the first is number 0.
    """
    pictures = [*(render(png, shown.as_format, None) for _, png in made), *shown.maps]
    images = [] if payload.send_images is False else [encode_base64(png) for png in pictures]
    info = json.dumps(_info(record, made, payload, card), ensure_ascii=False)
    return jsonify(images=images, parameters=_parameters(record, payload, sent), info=info)


def _info(
    record: JobRecord,
    made: Sequence[tuple[Output, bytes]],
    payload: Payload,
    card: ModelCard,
) -> dict[str, Any]:
    request, count = record.request, len(made)
    words = [_words(request, payload, output) for output, _ in made]
    prompt, negative = words[0] if words else (payload.prompt or "", payload.negative_prompt or "")
    subseed = NONE_DRAWN if request.variation_seed is None else request.variation_seed
    return {
        "prompt": prompt,
        "all_prompts": [prompt for prompt, _ in words],
        "negative_prompt": negative,
        "all_negative_prompts": [negative for _, negative in words],
        "seed": request.seed,
        "all_seeds": [output.seed for output, _ in made],
        "subseed": subseed,
        "all_subseeds": [subseed] * count,
        "subseed_strength": request.variation_strength,
        "width": request.width,
        "height": request.height,
        "sampler_name": _sampler(request),
        "cfg_scale": request.guidance_scale,
        "steps": request.steps,
        "batch_size": payload.batch_size or 1,
        "restore_faces": request.restore_faces is not None,
        "face_restoration_model": request.restore_faces and request.restore_faces.model,
        "sd_model_name": request.model,
        "sd_model_hash": short_hash(card),
        "sd_vae_name": request.vae and vae_title(request.vae),
        "sd_vae_hash": None,
        "seed_resize_from_w": NONE_DRAWN,
        "seed_resize_from_h": NONE_DRAWN,
        "denoising_strength": _strength(request),
        "extra_generation_params": {"Schedule type": SCHEDULES[request.schedule].label},
        "index_of_first_image": 0,
        "infotexts": [_infotext(png) for _, png in made],
        "styles": payload.styles or [],
        "job_timestamp": timestamp(record),
        "clip_skip": request.clip_skip,
        "is_using_inpainting_conditioning": False,
        # Ours beside AUTOMATIC1111's: what was done otherwise than asked.
        "notes": sentences(record.notes),
        "version": f"Darkroom {server_version()}",
    }


def _words(request: ResolvedRequest, payload: Payload, output: Output) -> tuple[str, str]:
    """A picture's prompts: as they were sent, or what styles and choices made of them."""
    if not request.wordings and not payload.styles:
        return payload.prompt or "", payload.negative_prompt or ""
    own = request.alone((output.seed - request.seed) % SEEDS)
    return prompt_with_loras(own), own.negative_prompt


def _parameters(record: JobRecord, payload: Payload, sent: dict[str, Any]) -> dict[str, Any]:
    """What was sent, with what was chosen where nothing was; the pictures only if asked for."""
    request = record.request
    parameters = {name: value for name, value in sent.items() if value is not None}
    if isinstance(payload, ImageToImage) and not payload.include_init_images:
        parameters |= {"init_images": None, "mask": None}
    chosen = {
        "prompt": "",
        "negative_prompt": "",
        "seed": NONE_DRAWN,
        "steps": request.steps,
        "cfg_scale": request.guidance_scale,
        "sampler_name": _sampler(request),
        "scheduler": SCHEDULES[request.schedule].label,
        "batch_size": 1,
        "n_iter": 1,
        "denoising_strength": _strength(request),
    }
    size = {"width": request.width, "height": request.height}
    return chosen | parameters | size


def timestamp(record: JobRecord) -> str:
    """When the job was made, as AUTOMATIC1111 writes it."""
    return record.created_at.strftime("%Y%m%d%H%M%S")


def _sampler(request: ResolvedRequest) -> str:
    """The sampler's title; of a pipeline that runs whole it has a name of ours only."""
    info = SAMPLERS.get(request.sampler)
    return info.title if info else request.sampler


def _strength(request: ResolvedRequest) -> float | None:
    if request.kind != "text-to-image":
        return request.strength
    return request.hires.strength if request.hires else None


def _infotext(png: bytes) -> str:
    """The recipe that the picture carries."""
    with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
        return str(cast("dict[str, Any]", picture.info).get(INFOTEXT, ""))
