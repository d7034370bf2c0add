"""Autoencoders by the names that AUTOMATIC1111's clients know them by: `sd_vae`."""

from __future__ import annotations

from jobs.request.model_card import AddOn, ModelCard, name_of_file
from server.compat.a1111.add_ons import add_ons
from server.compat.a1111.checkpoints import FILE
from server.compat.a1111.errors import invalid

AUTOMATIC = "Automatic"

OWN = (AUTOMATIC, "None", "", None)
"""What stands for the model's own autoencoder."""


def vaes() -> list[AddOn]:
    """The autoencoders of all models."""
    return add_ons(lambda card: card.vaes)


def vae_title(name: str | None) -> str:
    """What clients show of an autoencoder, and send to choose it."""
    return AUTOMATIC if name is None else name + FILE


def vae_named(text: object, field: str, known: list[AddOn]) -> str | None:
    """Our name of the autoencoder that a client names; None is the model's own.

    Raises a 422 that says which there are.
    """
    if text in OWN:
        return None
    names = {each.name for each in known}
    if isinstance(text, str):
        plain = name_of_file(text)
        found = next((each for each in (text, plain) if each in names), None)
        if found is not None:
            return found
    there_are = ", ".join([AUTOMATIC, *(vae_title(name) for name in sorted(names))])
    raise invalid(field, f"no autoencoder is named {str(text)[:60]!r}; there are: {there_are}")


def fitting(name: str | None, card: ModelCard) -> str | None:
    """The autoencoder that a caller has set, where it is one of this model's."""
    return name if any(each.name == name for each in card.vaes) else None
