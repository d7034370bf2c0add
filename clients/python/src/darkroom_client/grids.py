"""Grids: one request in many variants, what is sent for one, and what a server says of it."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NotRequired, TypedDict
from urllib.parse import quote

import httpx

from darkroom_client import calls, records
from darkroom_client.calls import Call
from darkroom_client.fields import PictureInput
from darkroom_client.records import Error, Json, Picture, State


class Axis(TypedDict):
    """A field that changes, as a JSON pointer such as `/steps`, and the values it goes through."""

    field: str
    values: Sequence[Any]
    replace: NotRequired[str | None]
    title: NotRequired[str]
    labels: NotRequired[Sequence[str] | None]


@dataclass(frozen=True)
class Cell:
    """One cell: the id of its job, and its picture once it is made."""

    job: str
    status: State | None
    """None where the job was deleted."""
    picture: Picture | None
    error: Error | None


@dataclass(frozen=True)
class Grid:
    """A grid as it was when it was asked for."""

    id: str
    prompt: str
    axes: tuple[Json, ...]
    cells: tuple[Cell, ...]
    """The first axis goes fastest."""
    ended: int
    """How many cells will not change any more."""
    counts: Mapping[str, int]
    created_at: datetime

    @property
    def done(self) -> bool:
        """Whether every cell has ended."""
        return self.ended == len(self.cells)

    @property
    def open_job(self) -> str:
        """The first job that has not ended. Raises StopIteration where all have."""
        return next(each.job for each in self.cells if each.status in ("queued", "running"))


def create(axes: Sequence[Axis], prompt: str, fields: Mapping[str, Any]) -> Call:
    """Create a grid. Reads the files of pictures; however often it is sent, it makes one grid."""
    request: Json = {"prompt": prompt, **fields}
    for name in ("image", "mask"):
        if request.get(name) is not None:
            request[name] = _sent(request[name])
    if "references" in request:
        request["references"] = [_sent(each) for each in request["references"]]
    for name in ("controls", "regions"):
        if name in request:
            request[name] = [_part(each, "image", "mask") for each in request[name]]
    if "ip_adapters" in request:
        request["ip_adapters"] = [
            {**_part(each, "mask"), "images": [_sent(image) for image in each["images"]]}
            for each in request["ip_adapters"]
        ]
    if request.get("reference_only") is not None:
        request["reference_only"] = _part(request["reference_only"], "image")
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    return Call("POST", "/grids", {"headers": headers, "json": {"request": request, "axes": axes}})


def get(grid: Grid | str) -> Call:
    """A grid as it is now."""
    return Call("GET", _path(grid))


def cancel(grid: Grid | str) -> Call:
    """Cancel what of a grid has not ended."""
    return Call("POST", f"{_path(grid)}/cancel")


def delete(grid: Grid | str) -> Call:
    """Remove a grid with its jobs and their pictures."""
    return Call("DELETE", _path(grid))


def sheet(grid: Grid | str, width: int) -> Call:
    """The contact sheet, with pictures of so many pixels in width."""
    return Call("GET", f"{_path(grid)}/sheet", {"params": {"width": width}})


def read(response: httpx.Response) -> Grid:
    """The grid that an answer has."""
    data: Json = response.json()
    return Grid(
        id=data["id"],
        prompt=data["prompt"],
        axes=tuple(data["axes"]),
        cells=tuple(map(_cell, data["cells"])),
        ended=data["ended"],
        counts=data["counts"],
        created_at=datetime.fromisoformat(data["created_at"]),
    )


def _cell(data: Json) -> Cell:
    made = records.picture(data["output"]) if data["output"] else None
    return Cell(data["job"], data["status"], made, records.error(data["error"]))


def _part(part: Json, *pictures: str) -> Json:
    return {
        name: _sent(value) if name in pictures and value is not None else value
        for name, value in part.items()
    }


def _sent(given: PictureInput) -> str:
    """A picture as a body of JSON has it."""
    if (named := calls.named(given)) is not None:
        return named
    # What kind of picture it is, the server sees by itself.
    return f"data:image/png;base64,{base64.b64encode(calls.read(given)).decode()}"


def _path(grid: Grid | str) -> str:
    return f"/grids/{quote(grid if isinstance(grid, str) else grid.id, safe='')}"
