"""The models under the names that clients send."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, Response, jsonify

from jobs.records.workers import offered_models
from jobs.request.model_card import ModelCard
from jobs.request.request import FieldError
from server.errors import ApiError
from server.requests.submission import known_models
from server.resources import resources

OPENAI_NAMES = re.compile(r"dall-e-[23]|(chat)?gpt-image-[\w.-]+")
"""What clients ask for whose user has not said otherwise; here it means the default model."""

blueprint = Blueprint("openai_models", __name__, url_prefix="/v1")


@blueprint.get("/models")
def list_models() -> Response:
    """The models of live workers; none before one has started."""
    cards = offered_models(resources().redis)
    return jsonify(object="list", data=[_view(card) for card in cards])


@blueprint.get("/models/<path:name>")
def retrieve_model(name: str) -> Response:
    """One model; of OpenAI's own names the one that they mean here."""
    return jsonify(_view(card_named(name, known_models())))


def card_named(name: str | None, cards: list[ModelCard]) -> ModelCard:
    """The model that a client asks for, the default one if for none. Raises a 404."""
    for card in cards:
        if card.name == name:
            return card
    if not name or OPENAI_NAMES.fullmatch(name):
        return next((card for card in cards if card.default), cards[0])
    there_are = ", ".join(card.name for card in cards)
    detail = f"no model is named {name[:60]!r}; there are: {there_are}"
    errors = [FieldError(pointer="/model", detail=detail)]
    raise ApiError(404, "model-not-found", detail, errors=errors)


def _view(card: ModelCard) -> dict[str, Any]:
    # Nobody has written down when a model was made.
    return {"id": card.name, "object": "model", "created": 0, "owned_by": "darkroom"}
