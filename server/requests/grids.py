"""From a request and its axes to the jobs of a grid: all of them are taken, or none."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from jobs.collections import grids
from jobs.collections.grids import Grid
from jobs.queue import own_quotas, queue, quotas
from jobs.queue.queue import QueueFull
from jobs.quota import QuotaExceeded
from jobs.records.record import read_many
from jobs.request.fields.trace import wish
from jobs.request.fields.values import SEEDS
from jobs.request.grid import cells
from jobs.request.grid.cells import Astray, Cell
from jobs.request.grid.part import MOST_AXES, Axis
from jobs.request.pictures import named_pictures
from jobs.request.request import FieldError, GenerationRequest, InvalidRequest
from jobs.request.resolve import resolve
from server.door.auth import caller
from server.errors import ApiError
from server.requests.deleting import delete_with_pictures
from server.requests.submission import known_models, submit_opened
from server.requests.uploads import Upload, Uploads, open_uploads
from server.requests.validation import field_errors
from server.resources import resources

GRID = "grid"
"""In the `metadata` of each job: the id of its grid."""

MOST_PICTURES = 64
"""That the cells may start from: about as many as a single request may name."""


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
    pictures = len(requests) * (2 if wish(requests[0].trace) else 1)
    own = own_quotas.get(resources().redis, caller().account)
    quotas.check_together(pictures, "/axes", own)
    _check_pictures(requests)
    known: dict[tuple[str, bool], Upload] = {}
    uploads: list[Uploads] = []
    for cell, request in planned:
        try:
            uploads.append(open_uploads(request, {}, ids[0], here.store, known))
            resolve(request, cards, uploads[-1].pictures, [])
        except InvalidRequest as error:
            raise InvalidRequest(
                [_placed(each, cell, body.axes) for each in error.errors]
            ) from None
    prompt = requests[0].prompt
    grid = begun or grids.create(here.redis, who.owner, grid_id, prompt, body.axes, ids, seed)
    if grid.jobs != tuple(ids):
        # The same request came twice at once, and the other was the first.
        return grid if grid.whole else submit_grid(body, grid_id, grid)
    there = read_many(here.redis, ids)
    try:
        for job_id, request, each, kept in zip(ids, requests, uploads, there, strict=True):
            if kept is None:
                submit_opened(request, each.under(job_id), cards=cards, job_id=job_id)
                # Whoever canceled the grid meanwhile saw the jobs before this one.
                if grids.is_canceled(here.redis, grid_id):
                    queue.cancel(here.redis, job_id)
    except (InvalidRequest, QueueFull, QuotaExceeded, ApiError):
        take_back(grid, uncounted=True)
        raise
    whole = grids.complete(here.redis, who.owner, grid)
    if whole is None:
        take_back(grid, uncounted=True)
        raise ApiError(409, "deleted", "the grid was deleted while it was being made")
    return whole


def _check_pictures(requests: Sequence[GenerationRequest]) -> None:
    named = {each for request in requests for each in named_pictures(request).values()}
    if len(named) > MOST_PICTURES:
        detail = f"name {len(named)} pictures, and a grid may have at most {MOST_PICTURES}"
        raise InvalidRequest([FieldError(pointer="/axes", detail=detail)])


def take_back(grid: Grid, *, uncounted: bool = False) -> None:
    """Cancel and delete all jobs of a grid with their pictures, and forget it; those that wait
    still are `uncounted` in the pictures of a day, where the grid is not taken. Raises a 503."""
    here = resources()
    _delete_jobs(grid, uncounted)
    grids.delete(here.redis, caller().owner, grid.id)
    # Whoever was submitting them sees only from here on that the grid is gone.
    _delete_jobs(grid, uncounted)


def _delete_jobs(grid: Grid, uncounted: bool) -> None:
    redis = resources().redis
    # The last first, so that none begins in the place of one that was just canceled.
    for record in filter(None, reversed(read_many(redis, grid.jobs))):
        if uncounted:
            quotas.give_back(redis, record.id)
        delete_with_pictures(record)


def _planned(body: GridRequest, grid_id: str, seed: int) -> list[tuple[Cell, GenerationRequest]]:
    """Each cell and its request, as far as it can be checked without models and pictures."""
    fields: dict[str, Any] = dict(body.request)
    if fields.get("seed") is None:
        fields["seed"] = seed
    planned: list[tuple[Cell, GenerationRequest]] = []
    wrong = ["kind"] if fields.get("kind") == "walk" else []
    wrong += [each for each in ("count", "walk", "webhook") if fields.get(each) not in (None, 1)]
    if wrong:
        detail = "is not for a grid: each of its cells is one picture, and nobody is told of it"
        raise InvalidRequest(
            [FieldError(pointer=f"/request/{each}", detail=detail) for each in wrong]
        )
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
    # The cells before this one were right: it is the value that they do not have.
    ways = sorted(enumerate(zip(axes, cell.places, strict=True)), key=lambda way: not way[1][1])
    for index, (axis, place) in ways:
        if error.pointer == axis.field or error.pointer.startswith(f"{axis.field}/"):
            pointer = f"/axes/{index}/values/{place}"
            return error.model_copy(update={"pointer": pointer})
        if axis.field.startswith(f"{error.pointer}/"):
            return error.model_copy(update={"pointer": f"/axes/{index}/field"})
    return error.model_copy(update={"pointer": f"/request{error.pointer}"})
