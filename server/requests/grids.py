"""From a request and its axes to the jobs of a grid: all of them are taken, or none."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from jobs.collections import grids
from jobs.collections.grids import Grid
from jobs.queue import queue
from jobs.queue.queue import QueueFull
from jobs.quota import QuotaExceeded
from jobs.records.record import read, read_many
from jobs.request.grid import cells
from jobs.request.grid.cells import Astray, Cell
from jobs.request.grid.part import MOST_AXES, Axis
from jobs.request.request import FieldError, GenerationRequest, InvalidRequest
from jobs.request.resolve import resolve
from jobs.request.values import SEEDS
from server.door.auth import caller
from server.errors import ApiError
from server.requests.deleting import delete_with_pictures
from server.requests.submission import known_models, submit_opened
from server.requests.uploads import open_uploads
from server.requests.validation import field_errors
from server.resources import resources

GRID = "grid"
"""In the `metadata` of each job: the id of its grid."""


class GridRequest(BaseModel):
    """A request, and what of it changes."""

    model_config = ConfigDict(extra="forbid")

    request: dict[str, JsonValue] = Field(
        description="Fields of a request, as `POST /jobs` takes them as JSON. Each cell is one "
        "picture; without a seed one is drawn for all of them.",
        examples=[{"prompt": "red apple, 3d"}],
    )
    axes: list[Axis] = Field(
        min_length=1,
        max_length=MOST_AXES,
        description="What changes from column to column, from row to row, and from sheet to sheet.",
    )


def submit_grid(body: GridRequest, grid_id: str, begun: Grid | None = None) -> Grid:
    """Keep all jobs of a grid, or those that are missing of one that was `begun` before this
    process's forerunner died. Raises InvalidRequest naming the value that does not fit, and what
    submitting a job raises: then none of them is kept."""
    here, who, cards = resources(), caller(), known_models()
    if errors := [FieldError(pointer=at, detail=said) for at, said in cells.faults(body.axes)]:
        raise InvalidRequest(errors)
    seed = begun.seed if begun else secrets.randbelow(SEEDS)
    planned = _planned(body, grid_id, seed)
    requests = [request for _, request in planned]
    ids = begun.jobs if begun else [queue.new_job_id() for _ in requests]
    uploads = open_uploads(requests[0], {}, ids[0], here.store)
    for cell, request in planned:
        try:
            resolve(request, cards, uploads.pictures, [])
        except InvalidRequest as error:
            raise InvalidRequest(
                [_placed(each, cell, body.axes) for each in error.errors]
            ) from None
    prompt = requests[0].prompt
    grid = begun or grids.create(here.redis, who.owner, grid_id, prompt, body.axes, ids, seed)
    there = read_many(here.redis, ids)
    try:
        for job_id, request, kept in zip(ids, requests, there, strict=True):
            if kept is None:
                submit_opened(request, uploads.under(job_id), cards=cards, job_id=job_id)
    except (InvalidRequest, QueueFull, QuotaExceeded, ApiError):
        take_back(grid)
        raise
    return grids.complete(here.redis, who.owner, grid)


def take_back(grid: Grid) -> None:
    """Cancel and delete all jobs of a grid with their pictures, and forget it. Raises a 503."""
    here = resources()
    for job_id in grid.jobs:
        if (record := read(here.redis, job_id)) is not None:
            delete_with_pictures(record)
    grids.delete(here.redis, caller().owner, grid.id)


def _planned(body: GridRequest, grid_id: str, seed: int) -> list[tuple[Cell, GenerationRequest]]:
    """Each cell and its request, as far as it can be checked without models and pictures."""
    fields: dict[str, Any] = dict(body.request)
    if fields.get("seed") is None:
        fields["seed"] = seed
    planned: list[tuple[Cell, GenerationRequest]] = []
    for name in ("count", "walk", "webhook"):
        if fields.get(name) not in (None, 1):
            detail = "is not for a grid: each of its cells is one picture, and nobody is told of it"
            raise InvalidRequest([FieldError(pointer=f"/request/{name}", detail=detail)])
    metadata = fields.get("metadata")
    if isinstance(metadata, dict | None):
        fields["metadata"] = {**(metadata or {}), GRID: grid_id}
    try:
        for cell in cells.cells(fields, body.axes):
            try:
                planned.append((cell, GenerationRequest.model_validate(cell.fields)))
            except ValidationError as error:
                errors = field_errors(error, cell.fields)
                raise InvalidRequest([_placed(each, cell, body.axes) for each in errors]) from None
    except Astray as astray:
        detail = "leads to nothing in the request that could be changed so"
        raise InvalidRequest([FieldError(pointer=str(astray), detail=detail)]) from astray
    return planned


def _placed(error: FieldError, cell: Cell, axes: Sequence[Axis]) -> FieldError:
    """The error where the caller wrote what is wrong: in the values of an axis, or the request."""
    for index, (axis, place) in enumerate(zip(axes, cell.places, strict=True)):
        if error.pointer == axis.field or error.pointer.startswith(f"{axis.field}/"):
            pointer = f"/axes/{index}/values/{place}"
            return error.model_copy(update={"pointer": pointer})
        if axis.field.startswith(f"{error.pointer}/"):
            return error.model_copy(update={"pointer": f"/axes/{index}/field"})
    return error.model_copy(update={"pointer": f"/request{error.pointer}"})
