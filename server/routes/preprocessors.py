"""The preprocessors that a ControlNet's picture may go through first."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from jobs.request.fields.values import PREPROCESSORS, TUNED, TUNED_TWICE
from server.openapi import Routes, answer

routes = Routes("preprocessors", "What makes a map of a picture, for a ControlNet to follow.")


class PreprocessorView(BaseModel):
    """A preprocessor that needs no weights, by its name."""

    name: str = Field(description="The name to send.")
    threshold_a: bool = Field(description="Whether `threshold_a` tunes it.")
    threshold_b: bool = Field(description="Whether `threshold_b` tunes it.")


class PreprocessorList(BaseModel):
    """The preprocessors that every model has."""

    preprocessors: list[PreprocessorView]


@routes.get("/preprocessors", {200: PreprocessorList})
def list_preprocessors() -> dict[str, Any]:
    """List preprocessors

    Those that need no weights; `none` takes the picture as it is. What else there is with weights,
    /models has for each model.
    """
    found = [
        PreprocessorView(name=each, threshold_a=each in TUNED, threshold_b=each in TUNED_TWICE)
        for each in PREPROCESSORS
    ]
    return answer(PreprocessorList(preprocessors=found))
