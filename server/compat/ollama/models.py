"""The models, as Ollama lists and describes its own."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify

from jobs.records.workers import live, offered_models
from jobs.request.model_card import ModelCard
from server.compat.json_body import json_object
from server.errors import ApiError
from server.requests.submission import known_models
from server.resources import resources

VERSION = "0.32.5-darkroom"
"""The Ollama whose words these are, the last that made pictures; clients compare its numbers."""

TAG = ":latest"
"""What Ollama adds to a name that says no tag."""

NEVER = "0001-01-01T00:00:00Z"
"""What stands for a time that nobody has written down: Go's zero."""

blueprint = Blueprint("ollama_models", __name__, url_prefix="/api")


@blueprint.get("/tags")
def list_models() -> Response:
    """The models of live workers; none before one has started."""
    return jsonify(models=[_listed(card) for card in offered_models(resources().redis)])


@blueprint.get("/ps")
def list_loaded() -> Response:
    """Those of them that a worker has in memory, of whose size only it knows."""
    warm = {name for worker in live(resources().redis) for name in worker.warm}
    beside = {"expires_at": NEVER, "size_vram": 0, "context_length": 0}
    cards = offered_models(resources().redis)
    return jsonify(models=[_listed(card) | beside for card in cards if card.name in warm])


@blueprint.post("/show")
def show() -> Response:
    """One model: what it is, what it can do, its defaults."""
    sent = json_object()
    card = model_named(str(sent.get("model") or sent.get("name") or ""))
    return jsonify(
        license=card.licence,
        modelfile="",
        parameters=_parameters(card),
        template="",
        details=_details(card),
        model_info={"general.architecture": card.family, "general.name": card.title},
        capabilities=_capabilities(card),
        modified_at=NEVER,
    )


@blueprint.get("/version")
def version() -> Response:
    """The version of the API that is spoken here."""
    return jsonify(version=VERSION)


@blueprint.post("/chat")
def refuse_to_chat() -> Response:
    """What Ollama says of a model that cannot."""
    card = model_named(str(json_object().get("model") or ""))
    raise ApiError(
        400, "no-chat", f'"{card.name}" does not support chat; it makes pictures, by /api/generate'
    )


def model_named(name: str) -> ModelCard:
    """The model that a client asks for, with or without its tag. Raises a 404."""
    cards = known_models()
    bare = name.strip().removesuffix(TAG).lower()
    for card in cards:
        if card.name.lower() == bare:
            return card
    there_are = ", ".join(card.name for card in cards)
    raise ApiError(404, "model-not-found", f"model '{name[:60]}' not found; there are: {there_are}")


def _listed(card: ModelCard) -> dict[str, Any]:
    return {
        "name": card.name + TAG,
        "model": card.name + TAG,
        "modified_at": NEVER,
        "size": 0,
        "digest": card.sha256 or "",
        "details": _details(card),
        "capabilities": _capabilities(card),
    }


def _details(card: ModelCard) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "",
        "family": card.family,
        "families": [card.family],
        "parameter_size": "",
        "quantization_level": "",
    }


def _capabilities(card: ModelCard) -> list[str]:
    """`image` makes pictures; with `vision` it may be given one to start from."""
    return ["image", "vision"] if "image-to-image" in card.kinds else ["image"]


def _parameters(card: ModelCard) -> str:
    """Its defaults, a line each, as Ollama shows those of a model."""
    shown = ("width", "height", "steps", "guidance_scale", "sampler", "schedule")
    return "\n".join(f"{name:<16}{getattr(card, name)}" for name in shown)
