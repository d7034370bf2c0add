"""The caller's options, and what else a client asks of a server before it is ready."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from flask import Blueprint, Response, jsonify
from pydantic import BaseModel, ConfigDict, Field

from jobs.queue import orders
from jobs.request.model_card import ModelCard
from jobs.request.request import FieldError, InvalidRequest
from server.compat.a1111.body import SamplesFormat, json_object, read
from server.compat.a1111.callers import chosen_model, identity
from server.compat.a1111.checkpoints import checkpoint_named, checkpoint_title
from server.compat.a1111.panel.known_options import is_known
from server.compat.a1111.vaes import vae_named, vae_title, vaes
from server.requests.submission import known_models
from server.resources import resources

blueprint = Blueprint("a1111_options", __name__)

LOOKING = 5.0
"""Seconds for which a client that refreshes waits at most; a look takes about one."""

UNCHANGING: dict[str, Any] = {
    "send_seed": True,
    "send_size": True,
    "grid_save": False,
    "return_grid": False,
    "do_not_show_images": False,
    "save_images_add_number": True,
    "enable_pnginfo": True,
    "live_previews_enable": True,
    "show_progress_type": "Approx NN",
    "show_progress_every_n_steps": 1,
    "eta_noise_seed_delta": 0,
    "randn_source": "CPU",
    "face_restoration_model": None,
    "upscaler_for_img2img": None,
}
"""Options that clients look at, as they are until a caller sets them; they change nothing here."""

MAX_KEPT = 16 * 1024
"""Bytes of JSON of the options that a caller has kept."""


ClipSkip = Annotated[int, Field(ge=1, le=12)] | None


UNSAID = object()


class Settable(BaseModel):
    """The options that mean something here."""

    model_config = ConfigDict(extra="ignore")

    sd_model_checkpoint: object = None
    CLIP_stop_at_last_layers: ClipSkip = None
    samples_format: SamplesFormat = None
    sd_vae: object = UNSAID


MEANT = {*Settable.model_fields, "sd_checkpoint_hash"}


@blueprint.get("/sdapi/v1/options")
def get_options() -> Response:
    """The caller's options."""
    cards, options = known_models(), identity().options()
    card = chosen_model(options, cards)
    return jsonify(
        sd_model_checkpoint=checkpoint_title(card),
        sd_checkpoint_hash=card.sha256 or "",
        CLIP_stop_at_last_layers=options.clip_skip or 1,
        samples_format=options.samples_format or "png",
        sd_vae=vae_title(options.vae),
        **(UNCHANGING | _kept_apart(options.others)),
    )


@blueprint.post("/sdapi/v1/options")
def set_options() -> Response:
    """Keep what the caller sets, for the caller alone; each next job takes its model from it.

    What AUTOMATIC1111 has no option of is refused, and nothing of the rest is kept.
    """
    sent, who = json_object(), identity()
    wanted = read(Settable, sent)
    others = {name: value for name, value in sent.items() if name not in MEANT}
    _refuse_unknown(others)
    options = who.options()
    changed: dict[str, Any] = {}
    if others:
        changed["others"] = _kept(options.others | others)
    if wanted.samples_format is not None:
        changed["samples_format"] = wanted.samples_format
    if wanted.sd_model_checkpoint:
        changed["model"] = _chosen(wanted.sd_model_checkpoint, known_models()).name
    if wanted.CLIP_stop_at_last_layers is not None:
        changed["clip_skip"] = wanted.CLIP_stop_at_last_layers
    if wanted.sd_vae is not UNSAID:
        changed["vae"] = vae_named(wanted.sd_vae, "sd_vae", vaes())
    if changed:
        who.set_options(options.model_copy(update=changed))
    return jsonify(None)


def _kept_apart(others: Mapping[str, Any]) -> dict[str, Any]:
    """Without those that an earlier version kept and that mean something by now."""
    return {name: value for name, value in others.items() if name not in MEANT}


def _refuse_unknown(others: Mapping[str, Any]) -> None:
    unknown = [name for name in others if not is_known(name)]
    if unknown:
        raise InvalidRequest(
            [FieldError(pointer=f"/{name[:60]}", detail="is no option") for name in unknown[:20]]
        )


def _kept(others: dict[str, Any]) -> dict[str, Any]:
    size = len(json.dumps(others))
    if size > MAX_KEPT:
        detail = f"options that are kept may take {MAX_KEPT} bytes of JSON; they take {size}"
        raise InvalidRequest([FieldError(pointer="", detail=detail)])
    return others


def _chosen(text: object, cards: list[ModelCard]) -> ModelCard:
    return checkpoint_named(text, "sd_model_checkpoint", cards)


@blueprint.post("/sdapi/v1/refresh-checkpoints")
@blueprint.post("/sdapi/v1/refresh-vae")
@blueprint.post("/sdapi/v1/refresh-loras")
@blueprint.post("/sdapi/v1/refresh-embeddings")
def refresh() -> Response:
    """Have the workers look whether models came or went, so that what is asked next is true."""
    orders.look_again(resources().redis, LOOKING)
    return jsonify(None)


@blueprint.get("/internal/ping")
def ping() -> Response:
    """Whether somebody is here."""
    return jsonify({})
