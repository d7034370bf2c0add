"""Models by the names that AUTOMATIC1111's clients know them by."""

from __future__ import annotations

import re
from collections.abc import Iterable

from jobs.request.model_card import ModelCard, name_of_file
from server.compat.a1111.errors import invalid

FILE = ".safetensors"
"""A checkpoint is a file to these clients, whatever it is here."""

SHORT_HASH = 10
"""Digits of the sha256 that titles and recipes show."""

IN_BRACKETS = re.compile(r"\s*\[[^\]]*\]\s*$")


def checkpoint_filename(card: ModelCard) -> str:
    """The name of the file that a client takes the model to be."""
    return card.name + FILE


def short_hash(card: ModelCard) -> str | None:
    """The first digits of the weights' hash; None while it is not known."""
    return card.sha256 and card.sha256[:SHORT_HASH]


def checkpoint_title(card: ModelCard) -> str:
    """What clients show of a model, and send to choose it: `name.safetensors [0123456789]`."""
    hashed = short_hash(card)
    return f"{checkpoint_filename(card)} [{hashed}]" if hashed else checkpoint_filename(card)


def find_checkpoint(text: str, cards: Iterable[ModelCard]) -> ModelCard | None:
    """The model that a client means by a title, file name, name or hash; None if there is none.

    The hash in a title may be another: that of the weights before they were replaced.
    """
    known: dict[str, ModelCard] = {}
    for card in cards:
        names = (card.name, checkpoint_filename(card), short_hash(card), card.sha256)
        for name in filter(None, names):
            known.setdefault(name.lower(), card)
    wanted = text.strip().lower()
    bare = IN_BRACKETS.sub("", wanted)
    # A file of another program's may lie in a folder there, and be called a little otherwise here.
    return known.get(wanted) or known.get(bare) or known.get(name_of_file(bare))


def checkpoint_named(text: object, field: str, cards: list[ModelCard]) -> ModelCard:
    """The model that a client names. Raises a 422 that says which there are."""
    card = find_checkpoint(text, cards) if isinstance(text, str) else None
    if card is None:
        there_are = ", ".join(map(checkpoint_title, cards))
        raise invalid(field, f"no model is named {str(text)[:60]!r}; there are: {there_are}")
    return card
