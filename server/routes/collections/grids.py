"""Grids: one request in many variants, followed, ended and shown together."""

from __future__ import annotations

import base64
from collections import Counter
from datetime import datetime

from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from jobs.collections import grids
from jobs.collections.grids import Grid
from jobs.queue import idempotency, queue
from jobs.records.events import ENDED, Error, Status
from jobs.records.record import JobRecord, read_many
from jobs.request.grid.part import Axis
from jobs.request.request import InvalidRequest
from server.door.auth import caller
from server.errors import ApiError
from server.openapi import PREFIX, Parameters, Routes, content, response
from server.outages import StoreAway
from server.pages import sheet
from server.pages.renditions import current_renditions
from server.requests.body import request_body
from server.requests.grids import GridRequest, submit_grid, take_back
from server.resources import resources
from server.views import OutputView, current_views

routes = Routes("grids", "One request in many variants: columns, rows and sheets of pictures.")


class GridPath(BaseModel):
    """A grid in the path."""

    grid_id: str = Field(description="Id of the grid.")


class GridHeaders(Parameters):
    """Headers that change how a grid is created."""

    idempotency_key: str | None = Field(
        None,
        alias="Idempotency-Key",
        min_length=1,
        max_length=idempotency.MAX_KEY,
        description="The same key and body within a day are the same grid; 409 once it was "
        "deleted.",
    )


class SheetQuery(Parameters):
    """How large the pictures of a sheet are."""

    model_config = ConfigDict(extra="forbid")

    width: int = Field(192, ge=32, le=512, description="Width of each picture in pixels.")


class CellView(BaseModel):
    """One cell of a grid."""

    job: str = Field(description="The job that makes its picture.")
    status: Status | None = Field(description="Null where the job was deleted.")
    output: OutputView | None = Field(description="Its picture, once it is made.")
    error: Error | None = Field(description="Why it has none.")


class GridSummary(BaseModel):
    """What a grid is of."""

    id: str
    prompt: str = Field(description="Of its first cell.")
    axes: list[Axis]
    created_at: datetime


class GridView(GridSummary):
    """A grid with its cells."""

    cells: list[CellView] = Field(description="In order: the first axis goes fastest.")
    ended: int = Field(description="How many of them will not change any more.")
    counts: dict[str, int] = Field(description="How many cells have each status.")
    sheet_url: str = Field(description="All pictures under their labels, as one SVG.")


class GridList(BaseModel):
    """The caller's grids, the newest first."""

    grids: list[GridSummary]


@routes.get("/grids", {200: GridList}, (503,))
def list_grids() -> Response:
    """List grids"""
    found = grids.every(resources().redis, caller().owner)
    return response(GridList(grids=[_summary(each) for each in found]), 200)


@routes.post("/grids", {202: GridView}, (400, 409, 413, 415, 422, 429, 503))
def create_grid(header: GridHeaders, body: GridRequest) -> Response:
    """Create a grid

    Each combination of the axes' values is a job like any other, with the grid's id as `grid` in
    its `metadata`. All of them are taken, or none: what does not fit is named by its place in
    `axes`. Pictures that the request starts from, and those in `axes`, are ids of yours, or data
    URIs, 64 at most.
    """
    here, who, sent = resources(), caller(), request_body()
    new_id, key = queue.new_job_id(), header.idempotency_key
    grid_id = new_id
    if key is not None:
        grid_id = idempotency.job_id_for(here.redis, who.owner, key, sent.identity, new_id)
    grid = grids.find(here.redis, who.owner, grid_id) if grid_id != new_id else None
    if grid is None and grid_id != new_id and idempotency.is_buried(here.redis, grid_id):
        detail = "the grid that this Idempotency-Key made was deleted; a new one needs a new key"
        raise ApiError(409, "deleted", detail)
    if grid is None or not grid.whole:
        try:
            grid = submit_grid(body, grid_id, grid)
        except InvalidRequest:
            if key is not None:
                idempotency.forget(here.redis, who.owner, key)
            raise
    return response(_view(grid), 202, {"Location": _url(grid)})


@routes.get("/grids/<grid_id>", {200: GridView}, (404, 503))
def get_grid(path: GridPath) -> Response:
    """Get a grid"""
    return response(_view(_find(path.grid_id)), 200)


@routes.post("/grids/<grid_id>/cancel", {200: GridView}, (404, 503))
def cancel_grid(path: GridPath) -> Response:
    """Cancel a grid

    All of its jobs that have not ended, and those that are still being submitted; the pictures that
    are there stay.
    """
    grid, redis = _find(path.grid_id), resources().redis
    grids.cancel(redis, grid.id)
    # The last first, so that none begins in the place of one that was just canceled.
    for record in reversed(_records(grid)):
        if record is not None and record.status not in ENDED:
            queue.cancel(redis, record.id)
    return response(_view(grid), 200)


@routes.delete("/grids/<grid_id>", {204: None}, (404, 503))
def delete_grid(path: GridPath) -> tuple[str, int]:
    """Delete a grid with its jobs and their pictures"""
    grid = _find(path.grid_id)
    take_back(grid)
    idempotency.bury(resources().redis, grid.id)
    return "", 204


@routes.get(
    "/grids/<grid_id>/sheet", {200: content("The sheet.", "image/svg+xml")}, (404, 422, 503)
)
def get_sheet(path: GridPath, query: SheetQuery) -> Response:
    """Get the contact sheet of a grid

    All of its pictures in columns and rows under their labels, as one SVG that has them in itself.
    """
    grid = _find(path.grid_id)
    records = _records(grid)
    axes = [
        sheet.Axis(axis.name, [axis.label(at) for at in range(len(axis.values))])
        for axis in grid.axes
    ]
    pictures = [_picture(record, query.width) for record in records]
    sizes = [output for record in records if record for output in record.outputs]
    ratio = max((each.height / each.width for each in sizes), default=1.0)
    drawn = sheet.sheet(axes, pictures, query.width, max(1, round(query.width * ratio)))
    answer = Response(drawn, content_type="image/svg+xml")
    # It is a page of its own when somebody opens it, and its pictures lie in it.
    answer.headers["Content-Security-Policy"] = (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    answer.headers["Content-Disposition"] = f'inline; filename="darkroom-grid-{grid.id}.svg"'
    return answer


def _picture(record: JobRecord | None, width: int) -> sheet.Picture:
    if record is None:
        return sheet.Picture(None, "deleted")
    if not record.outputs:
        return sheet.Picture(None, record.error.detail if record.error else record.status)
    try:
        made = current_renditions().get(record.outputs[0].id, "webp", width)
    except FileNotFoundError:
        return sheet.Picture(None, "deleted")
    except OSError as error:
        raise StoreAway from error
    return sheet.Picture(f"data:image/webp;base64,{base64.b64encode(made).decode()}", "")


def _find(grid_id: str) -> Grid:
    found = grids.find(resources().redis, caller().owner, grid_id)
    if found is None:
        raise ApiError(404, "not-found", f"there is no grid {grid_id[:64]!r}")
    return found


def _records(grid: Grid) -> list[JobRecord | None]:
    return read_many(resources().redis, grid.jobs)


def _url(grid: Grid) -> str:
    return f"{PREFIX}/grids/{grid.id}"


def _summary(grid: Grid) -> GridSummary:
    return GridSummary(
        id=grid.id, prompt=grid.prompt, axes=list(grid.axes), created_at=grid.created_at
    )


def _view(grid: Grid) -> GridView:
    cells = [
        _cell(job_id, record) for job_id, record in zip(grid.jobs, _records(grid), strict=True)
    ]
    counts = Counter[str](cell.status or "deleted" for cell in cells)
    return GridView(
        id=grid.id,
        prompt=grid.prompt,
        axes=list(grid.axes),
        created_at=grid.created_at,
        cells=cells,
        ended=sum(cell.status is None or cell.status in ENDED for cell in cells),
        counts=dict(counts),
        sheet_url=f"{_url(grid)}/sheet",
    )


def _cell(job_id: str, record: JobRecord | None) -> CellView:
    if record is None:
        return CellView(job=job_id, status=None, output=None, error=None)
    output = current_views().output(record.outputs[0], record) if record.outputs else None
    return CellView(job=job_id, status=record.status, output=output, error=record.error)
