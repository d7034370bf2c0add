"""Grids: which jobs belong together as the variants of one request, and how they lie."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from redis import Redis

from jobs.request.grid.part import Axis

MOST_GRIDS = 300
"""Of one owner: with one more the oldest is forgotten, and its jobs stay."""


@dataclass(frozen=True)
class Grid:
    """The jobs of a grid in their order: the first axis goes fastest."""

    id: str
    prompt: str
    axes: tuple[Axis, ...]
    jobs: tuple[str, ...]
    created_at: datetime


def _key(owner: str) -> str:
    return f"darkroom:grids:{owner}"


def every(redis: Redis, owner: str) -> list[Grid]:
    """All grids of an owner, the newest first."""
    kept = cast("dict[bytes, bytes]", redis.hgetall(_key(owner)))
    grids = [_grid(grid.decode(), json.loads(raw)) for grid, raw in kept.items()]
    return sorted(grids, key=lambda each: each.created_at, reverse=True)


def find(redis: Redis, owner: str, grid: str) -> Grid | None:
    """One grid of an owner; None where he has none of this id."""
    raw = cast("bytes | None", redis.hget(_key(owner), grid))
    return _grid(grid, json.loads(raw)) if raw else None


def create(
    redis: Redis, owner: str, grid: str, prompt: str, axes: Sequence[Axis], jobs: Sequence[str]
) -> Grid:
    """Keep a grid of these jobs, which need not be there yet."""
    for old in every(redis, owner)[MOST_GRIDS - 1 :]:
        delete(redis, owner, old.id)
    made = Grid(grid, prompt, tuple(axes), tuple(jobs), datetime.now(UTC))
    said = {
        "prompt": prompt,
        "axes": [axis.model_dump(mode="json") for axis in axes],
        "jobs": made.jobs,
        "created_at": made.created_at.isoformat(),
    }
    redis.hset(_key(owner), grid, json.dumps(said))
    return made


def delete(redis: Redis, owner: str, grid: str) -> None:
    """Forget a grid; its jobs are no business of this."""
    redis.hdel(_key(owner), grid)


def _grid(grid: str, said: dict[str, Any]) -> Grid:
    axes = tuple(Axis.model_construct(None, **each) for each in said["axes"])
    created = datetime.fromisoformat(said["created_at"])
    return Grid(grid, said["prompt"], axes, tuple(said["jobs"]), created)
