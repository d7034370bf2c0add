"""The recipe that a picture carries, for a form to be filled with."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify
from pydantic import BaseModel, Field, ValidationError

from jobs.recipes.recipes import known_part_of
from jobs.records.workers import offered_models
from jobs.request.pictures import named_pictures
from jobs.request.request import FieldError, GenerationRequest
from jobs.request.samplers import canonical_schedule
from server.openapi import Routes
from server.requests.body import picture_body
from server.requests.named import is_own_picture
from server.requests.validation import field_errors
from server.resources import resources
from server.views import InputView, current_views

NOT_OF_A_PICTURE = {"webhook", "metadata", "priority", "count"}
"""Fields that say how a job is dealt with, which are for whoever sends it to decide."""

routes = Routes("recipes", "Recipes that pictures carry.")


class RecipeView(BaseModel):
    """A recipe as far as it can be used here."""

    request: GenerationRequest = Field(
        description="The fields that the recipe has, to be sent as a job with what else is wanted."
    )
    pictures: list[InputView] = Field(
        description="The pictures that it starts from and that are still here."
    )
    missing: list[FieldError] = Field(
        description="What of the recipe is not in `request`, by field, and why."
    )


@routes.post("/recipes", {200: RecipeView}, (408, 413, 415, 422))
def read_recipe() -> Response:
    """Read the recipe that a picture carries

    The body is the picture, made here or by AUTOMATIC1111, ComfyUI, InvokeAI, Fooocus, SwarmUI,
    NovelAI or on Civitai. What of the recipe cannot be used here is left out and named; 422 is for
    a picture without any. No job is made.
    """
    cards = offered_models(resources().redis)
    fields, missing = known_part_of(picture_body(), cards)
    fields = {name: value for name, value in fields.items() if name not in NOT_OF_A_PICTURE}
    wrong = _wrong(fields)
    fields = _without(fields, wrong)
    gone = [
        FieldError(pointer=pointer, detail="the picture that it starts from is not here any more")
        for pointer, named in named_pictures(GenerationRequest.model_validate(fields)).items()
        if not is_own_picture(named)
    ]
    request = GenerationRequest.model_validate(_without(fields, gone))
    view = RecipeView(
        request=request, pictures=current_views().inputs(request), missing=[*missing, *wrong, *gone]
    )
    answer = view.model_dump(mode="json", exclude={"request"})
    answer["request"] = request.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    return jsonify(answer)


def _wrong(fields: dict[str, Any]) -> list[FieldError]:
    """What no job would be taken with, whatever its model."""
    errors: list[FieldError] = []
    try:
        GenerationRequest.model_validate(fields)
    except ValidationError as error:
        errors = field_errors(error, fields)
    schedule = fields.get("schedule")
    if isinstance(schedule, str) and canonical_schedule(schedule) is None:
        detail = f"no schedule is named {schedule[:60]!r}"
        errors.append(FieldError(pointer="/schedule", detail=detail))
    return errors


def _without(fields: dict[str, Any], errors: list[FieldError]) -> dict[str, Any]:
    if any(not error.pointer for error in errors):
        return {}  # of the whole
    names = {error.pointer.split("/")[1].replace("~1", "/").replace("~0", "~") for error in errors}
    return {name: value for name, value in fields.items() if name not in names}
