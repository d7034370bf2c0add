"""Grids: which jobs belong together as the variants of one request, and how they lie."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast

from redis import Redis

from jobs.request.grid.part import Axis

MOST_GRIDS = 300
"""Of one owner: with one more the oldest is forgotten, and its jobs stay."""


_CANCELED = "darkroom:canceled-grid:"

_DAY = 24 * 3600
"""Seconds within which a request that was cut off may come again and go on with its grid."""

# A grid that was deleted while it was being made must not come back.
_COMPLETE = """
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
"""


@dataclass(frozen=True)
class Grid:
    """The jobs of a grid in their order: the first axis goes fastest."""

    id: str
    prompt: str
    axes: tuple[Axis, ...]
    jobs: tuple[str, ...]
    created_at: datetime
    seed: int
    """Of the cells, where their request named none."""
    whole: bool
    """Whether all of its jobs were submitted; else its request, sent again, goes on with it."""


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
    redis: Redis,
    owner: str,
    grid: str,
    prompt: str,
    axes: Sequence[Axis],
    jobs: Sequence[str],
    seed: int,
) -> Grid:
    """Keep a grid of these jobs, which are not there yet; where one of this id was kept meanwhile,
    it is that one that is told of."""
    for old in every(redis, owner)[MOST_GRIDS - 1 :]:
        delete(redis, owner, old.id)
    made = Grid(grid, prompt, tuple(axes), tuple(jobs), datetime.now(UTC), seed, whole=False)
    if redis.hsetnx(_key(owner), grid, _written(made)):
        return made
    return find(redis, owner, grid) or made


def complete(redis: Redis, owner: str, grid: Grid) -> Grid | None:
    """All jobs of the grid were submitted; None where it was deleted meanwhile."""
    whole = replace(grid, whole=True)
    there = redis.eval(_COMPLETE, 1, _key(owner), grid.id, _written(whole))
    return whole if there else None


def cancel(redis: Redis, grid: str) -> None:
    """Says to whoever is still submitting jobs of a grid that they are not wanted any more."""
    redis.set(f"{_CANCELED}{grid}", 1, ex=_DAY)


def is_canceled(redis: Redis, grid: str) -> bool:
    """Whether that was said."""
    return bool(redis.exists(f"{_CANCELED}{grid}"))


def delete(redis: Redis, owner: str, grid: str) -> None:
    """Forget a grid; its jobs are no business of this."""
    redis.hdel(_key(owner), grid)


def _written(grid: Grid) -> str:
    said = {
        "prompt": grid.prompt,
        "axes": [axis.model_dump(mode="json") for axis in grid.axes],
        "jobs": grid.jobs,
        "created_at": grid.created_at.isoformat(),
        "seed": grid.seed,
        "whole": grid.whole,
    }
    return json.dumps(said)


def _grid(grid: str, said: dict[str, Any]) -> Grid:
    axes = tuple(Axis.model_construct(None, **each) for each in said["axes"])
    created = datetime.fromisoformat(said["created_at"])
    jobs = tuple(said["jobs"])
    return Grid(grid, said["prompt"], axes, jobs, created, said["seed"], said["whole"])
