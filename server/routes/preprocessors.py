"""The preprocessors that a ControlNet's picture may go through first."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from jobs.request.fields.values import PREPROCESSORS, TUNED, TUNED_TWICE
from server.openapi import Routes, answer
from server.requests.submission import known_models

routes = Routes("preprocessors", "What makes a map of a picture, for a ControlNet to follow.")


class PreprocessorView(BaseModel):
    """A preprocessor by its name."""

    name: str = Field(description="The name to send.")
    threshold_a: bool = Field(description="Whether `threshold_a` tunes it.")
    threshold_b: bool = Field(description="Whether `threshold_b` tunes it.")
    task: str = Field(
        default="",
        description="Of one with weights of its own, what it makes: `depth`, `normal`, "
        "`segmentation` or `pose`; empty for one that needs none.",
    )


class PreprocessorList(BaseModel):
    """The preprocessors that there are."""

    preprocessors: list[PreprocessorView]


@routes.get("/preprocessors", {200: PreprocessorList})
def list_preprocessors() -> dict[str, Any]:
    """List preprocessors

    Those that need no weights, of which `none` takes the picture as it is, and behind them the
    models of this server's owner.
    """
    found = [
        PreprocessorView(name=each, threshold_a=each in TUNED, threshold_b=each in TUNED_TWICE)
        for each in PREPROCESSORS
    ]
    models = {each.name: each for card in known_models() for each in card.preprocessors}
    found += [
        PreprocessorView(name=each.name, threshold_a=False, threshold_b=False, task=each.task)
        for each in models.values()
    ]
    return answer(PreprocessorList(preprocessors=found))
