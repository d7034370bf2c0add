"""LoRAs, embeddings and upscalers of all models: these clients do not ask which goes with which."""

from __future__ import annotations

from collections.abc import Callable

from jobs.request.model_card import AddOn, ModelCard
from server.requests.submission import known_models


def add_ons(of: Callable[[ModelCard], list[AddOn]]) -> list[AddOn]:
    """Those of all models, each once."""
    found: dict[str, AddOn] = {}
    for card in known_models():
        for each in of(card):
            found.setdefault(each.name, each)
    return list(found.values())


def upscalers() -> list[AddOn]:
    """The upscalers with weights of all models."""
    return add_ons(lambda card: card.upscalers)
