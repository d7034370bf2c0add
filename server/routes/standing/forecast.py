"""Forecast: how long a request would take if it were sent now. Nothing is kept of it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from jobs.pictures.pictures import BadPicture, check_pixels
from jobs.records import lanes
from jobs.request.extent import Extent
from jobs.request.pictures import InputPicture, named_pictures
from jobs.request.request import FieldError, GenerationRequest, InvalidRequest
from jobs.request.resolve import resolve
from jobs.settings import settings
from server.door.auth import caller
from server.looks import current_looks
from server.openapi import Routes, answer
from server.requests.submission import known_models

routes = Routes("forecast", "How long a request would take.")

MOST = settings().max_picture_pixels

UNSAID = 512
"""Pixels a side of pictures of which nothing is said: nothing is refused for them."""


class PictureSize(BaseModel):
    """How large a picture is."""

    model_config = ConfigDict(extra="forbid")

    width: int = Field(ge=1, le=MOST)
    height: int = Field(ge=1, le=MOST)


class ForecastRequest(BaseModel):
    """A request that is not sent yet."""

    model_config = ConfigDict(extra="forbid")

    request: GenerationRequest = Field(
        description="Fields of a request, as `POST /jobs` takes them as JSON. Its pictures may be "
        "named by any word: none is opened."
    )
    picture: PictureSize | None = Field(
        default=None,
        description="How large the pictures are that it names, where it starts from one; others "
        "cost the same at any size.",
    )


class Forecast(BaseModel):
    """What the request would take."""

    seconds: float | None = Field(
        default=None,
        description="Until it would be done, as `eta_s` of a job is worked out; null where "
        "something was not measured, or it would be refused.",
    )
    width: int | None = Field(default=None, description="Of what would be drawn.")
    height: int | None = Field(default=None, description="Of what would be drawn.")
    errors: list[FieldError] = Field(
        default=[], description="What `POST /jobs` would refuse it for, by field."
    )


@routes.post("/forecast", {200: Forecast}, (422, 503))
def forecast(body: ForecastRequest) -> dict[str, Any]:
    """Say how long a request would take

    As things stand: with what runs and waits now, and a model that has to be loaded first. Of a
    request that would be refused it says why.
    """
    asked = body.request
    named = named_pictures(asked)
    if asked.image and body.picture is None:
        detail = "is required where a request starts from a picture"
        raise InvalidRequest([FieldError(pointer="/picture", detail=detail)])
    size = body.picture or PictureSize(width=UNSAID, height=UNSAID)
    try:
        check_pixels((size.width, size.height))
    except BadPicture as error:
        return answer(Forecast(errors=[FieldError(pointer="/picture", detail=str(error))]))
    pictures = {each: InputPicture(each, size.width, size.height) for each in named}
    try:
        resolved = resolve(asked, known_models(), pictures)
    except InvalidRequest as error:
        return answer(Forecast(errors=[_inside(each) for each in error.errors]))
    lane = lanes.lane(resolved.model, resolved.priority, caller().lane)
    extent = Extent.of(resolved, pictures)
    seconds = current_looks().now().would_end(lane, resolved, extent)
    at = resolved.drawn or resolved
    return answer(Forecast(seconds=seconds, width=at.width, height=at.height))


def _inside(error: FieldError) -> FieldError:
    return error.model_copy(update={"pointer": f"/request{error.pointer}"})
