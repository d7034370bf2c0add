"""What can be chosen: models, samplers, add-ons, by the names that AUTOMATIC1111's clients know."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from jobs.prompts.styles import StyleFile
from jobs.request.model_card import ModelCard
from jobs.request.samplers import SAMPLERS, SCHEDULES
from jobs.settings import settings
from server.compat.a1111.add_ons import add_ons, upscalers
from server.compat.a1111.checkpoints import (
    FILE,
    checkpoint_filename,
    checkpoint_title,
    short_hash,
)
from server.compat.a1111.generation.scripts import SD_UPSCALE
from server.compat.a1111.generation.units import SCRIPT
from server.compat.a1111.upscaling import LANCZOS, NEAREST, NO_UPSCALER
from server.compat.a1111.vaes import vae_title, vaes
from server.requests.submission import known_models

TIMES = 4
"""What AUTOMATIC1111 says an upscaler enlarges by, of those that enlarge by any number as well."""

blueprint = Blueprint("a1111_lists", __name__, url_prefix="/sdapi/v1")


@blueprint.get("/sd-models")
def list_checkpoints() -> Response:
    """The models, the default one first."""
    return jsonify([_checkpoint(card) for card in known_models()])


@blueprint.get("/samplers")
def list_samplers() -> Response:
    """The samplers, by AUTOMATIC1111's titles."""
    return jsonify(
        [
            {"name": info.title, "aliases": list(info.aliases), "options": info.options}
            for info in SAMPLERS.values()
        ]
    )


@blueprint.get("/schedulers")
def list_schedulers() -> Response:
    """How the steps of a sampler may be spaced."""
    return jsonify(
        [
            {
                "name": info.name,
                "label": info.label,
                "aliases": list(info.aliases),
                "default_rho": info.default_rho,
                "need_inner_model": info.need_inner_model,
            }
            for info in SCHEDULES.values()
        ]
    )


@blueprint.get("/loras")
def list_loras() -> Response:
    """The LoRAs of all models; a prompt has one as `<lora:name:1>`."""
    return jsonify(
        [
            {
                "name": lora.name,
                # Clients write it into prompts, so it is the name that works there.
                "alias": lora.name,
                "path": lora.name + FILE,
                "metadata": lora.model_dump(exclude={"name"}, exclude_defaults=True),
            }
            for lora in add_ons(lambda card: card.loras)
        ]
    )


@blueprint.get("/embeddings")
def list_embeddings() -> Response:
    """The embeddings of all models. How large each is only workers know: 0 stands for that."""
    unknown = {"step": None, "sd_checkpoint": None, "sd_checkpoint_name": None}
    loaded = {
        each.name: {**unknown, "shape": 0, "vectors": 0}
        for each in add_ons(lambda card: card.embeddings)
    }
    return jsonify(loaded=loaded, skipped={})


@blueprint.get("/upscalers")
def list_upscalers() -> Response:
    """What enlarges pictures. The first must be the one that does not, or clients lose count."""
    names = [NO_UPSCALER, LANCZOS, NEAREST, *(each.name for each in upscalers())]
    return jsonify(
        [
            {
                "name": name,
                "model_name": None,
                "model_path": None,
                "model_url": None,
                "scale": TIMES,
            }
            for name in names
        ]
    )


@blueprint.get("/realesrgan-models")
def list_upscaling_models() -> Response:
    """The upscalers that have weights."""
    return jsonify(
        [{"name": each.name, "path": each.name + FILE, "scale": TIMES} for each in upscalers()]
    )


@blueprint.get("/face-restorers")
def list_face_restorers() -> Response:
    """What restores faces."""
    found = add_ons(lambda card: card.face_restorers)
    return jsonify([{"name": each.name, "cmd_dir": None} for each in found])


@blueprint.get("/latent-upscale-modes")
def list_latent_upscale_modes() -> Response:
    """What enlarges between the two passes without decoding."""
    return jsonify([{"name": "Latent"}])


@blueprint.get("/sd-vae")
def list_vaes() -> Response:
    """The autoencoders of all models; `sd_vae` of the options takes one."""
    return jsonify(
        [{"model_name": vae_title(each.name), "filename": vae_title(each.name)} for each in vaes()]
    )


@blueprint.get("/hypernetworks")
@blueprint.get("/sd-modules")
@blueprint.get("/extensions")
def list_nothing() -> Response:
    """What there is none of here; clients ask, and take an empty list for an answer."""
    return jsonify([])


@blueprint.get("/prompt-styles")
def list_styles() -> Response:
    """The styles that `styles` of a request may name."""
    return jsonify([vars(style) for style in StyleFile(settings().styles_file).all().values()])


@blueprint.get("/scripts")
def list_scripts() -> Response:
    """What `script_name` and `alwayson_scripts` may name."""
    return jsonify(txt2img=[SCRIPT.lower()], img2img=[SD_UPSCALE, SCRIPT.lower()])


@blueprint.get("/script-info")
def describe_scripts() -> Response:
    """The same, each on its own."""
    return jsonify(
        [
            {"name": SCRIPT.lower(), "is_alwayson": True, "is_img2img": is_img2img, "args": []}
            for is_img2img in (False, True)
        ]
        + [{"name": SD_UPSCALE, "is_alwayson": False, "is_img2img": True, "args": []}]
    )


def _checkpoint(card: ModelCard) -> dict[str, Any]:
    return {
        "title": checkpoint_title(card),
        "model_name": card.name,
        "hash": short_hash(card),
        "sha256": card.sha256,
        "filename": checkpoint_filename(card),
        "config": None,
    }
