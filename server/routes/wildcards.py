"""Wildcards: the lists of words that prompts take one of by `__name__`."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from jobs.prompts.wildcards import NoWildcard, Wildcards
from jobs.settings import settings
from server.errors import ApiError
from server.openapi import Routes, answer

routes = Routes("wildcards", "Lists of words that prompts take one of.")

SHOWN = 1000
"""Values of a list that are shown."""


class WildcardPath(BaseModel):
    """A list in the path."""

    name: str = Field(min_length=1, max_length=200, description="Name of the list.")


class WildcardView(BaseModel):
    """A list of words."""

    name: str = Field(description="What a prompt names it by, between two underscores each side.")


class WildcardList(BaseModel):
    """The lists by name."""

    wildcards: list[WildcardView]


class WildcardValues(WildcardView):
    """A list of words with its values."""

    count: int = Field(description="How many values it has.")
    values: list[str] = Field(description=f"Its values, the first {SHOWN} of them.")


@routes.get("/wildcards", {200: WildcardList})
def list_wildcards() -> dict[str, Any]:
    """List wildcards

    The text files under DATA/wildcards; `__animal__` in a prompt is a line of animal.txt.
    """
    names = Wildcards(settings().wildcards_folder).names()
    return answer(WildcardList(wildcards=[WildcardView(name=name) for name in names]))


@routes.get("/wildcards/<path:name>", {200: WildcardValues}, (404,))
def get_wildcard(path: WildcardPath) -> dict[str, Any]:
    """Show a wildcard's values"""
    try:
        values = Wildcards(settings().wildcards_folder).values(path.name)
    except NoWildcard as error:
        raise ApiError(404, "not-found", str(error)) from None
    return answer(WildcardValues(name=path.name, count=len(values), values=list(values[:SHOWN])))
