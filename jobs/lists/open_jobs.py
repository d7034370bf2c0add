"""The jobs that have not ended, as far as others' time depends on them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from jobs.prompts.joined import joins
from jobs.records import lanes
from jobs.records.events import STORING, Status
from jobs.records.lanes import Lane
from jobs.records.record import STATUSES, Field
from jobs.request.extent import Extent, only_enlarges
from jobs.request.request import ResolvedRequest

FIELDS = ("status", "origin", "worker_name", Field.PROGRESS, Field.EXTENT)
"""What is read of each open job."""

UNIT = 16
"""Pixels: sides are kept in so many, rounded up."""

STARTS_FROM_A_PICTURE = ("image-to-image", "variations", "inpaint", "outpaint", "upscale")


class Size(NamedTuple):
    """How much a job is: the steps of each of its pictures, how many pictures of which size, and
    whether each takes a second row for guidance. What costs otherwise is not `plain`."""

    steps: int
    pictures: int
    width: int = 0
    height: int = 0
    guided: bool = False
    plain: bool = False

    @property
    def score(self) -> int:
        """The size as one number, which a sorted set keeps: 45 bits, exact in a double."""
        sides = (-(-self.width // UNIT) * 2048 + -(-self.height // UNIT)) * 4
        return (sides + self.guided * 2 + self.plain) * 2**21 + self.steps * 1024 + self.pictures

    @classmethod
    def of(cls, score: float) -> Size:
        """The size that a score stands for; one of an earlier version has no sides."""
        above, below = divmod(int(score), 2**21)
        sides, flags = divmod(above, 4)
        width, height = divmod(sides, 2048)
        steps, pictures = divmod(below, 1024)
        return cls(steps, pictures, width * UNIT, height * UNIT, flags >= 2, flags % 2 == 1)

    @classmethod
    def asked(cls, request: ResolvedRequest) -> Size:
        """The size of what was asked for."""
        steps = -(-request.all_steps // request.count)
        if request.kind in STARTS_FROM_A_PICTURE:
            steps = max(1, round(steps * request.strength))
        more = request.regions or request.pag_scale or request.reference_only
        more_rows = bool(more) or joins(request.prompt)
        once = request.hires is None and request.kind not in ("upscale", "edit")
        once = once or only_enlarges(request)
        plain = once and not more_rows
        guided = request.guidance_scale > 1 or request.cfg_plus_plus
        at = request.drawn or request
        return cls(steps, request.count, at.width, at.height, guided, plain)


@dataclass(frozen=True)
class OpenJob:
    """A job that waits or runs: `left` are the steps that each of its pictures still needs,
    `storing` the seconds until those are stored that are `made`, `reading` those until it is read
    what the job starts from, and `extent` what that is and how large its files are, None where they
    are as drawn."""

    id: str
    lane: Lane
    size: Size
    worker: str | None
    left: float
    storing: float | None = None
    extent: Extent | None = None
    made: int = 0
    reading: float | None = None

    @property
    def stored(self) -> int:
        """Pixels of each file."""
        return self.extent.pixels if self.extent else self.size.width * self.size.height

    @property
    def running(self) -> bool:
        """Whether a worker has it."""
        return self.worker is not None


def open_job(row: tuple[bytes | None, ...], scores: Mapping[bytes, float]) -> OpenJob | None:
    """The job of which `FIELDS` were read, after its id; None where it has ended."""
    job_id, status, origin, worker, told, wide = row
    lane = lanes.parse(origin.decode()) if origin else None
    state = status_of(status) if status else None
    if job_id is None or job_id not in scores or lane is None or state not in ("queued", "running"):
        return None
    size = Size.of(scores[job_id])
    left = float(size.steps)
    extent = Extent.model_construct(**json.loads(wide)) if wide else None
    if state == "queued":
        return OpenJob(job_id.decode(), lane, size, None, left, extent=extent)
    job = OpenJob(job_id.decode(), lane, size, (worker or b"").decode(), left, extent=extent)
    if not told:
        return job
    said = json.loads(told)
    all_made = said["progress"]["detail"] == STORING
    return replace(
        job,
        left=left * (1 - said["progress"]["fraction"]),
        storing=said.get("storing"),
        made=size.pictures if all_made else said.get("made", 0),
        reading=said.get("reading"),
    )


def status_of(status: bytes) -> Status | None:
    """RQ's status in the words of the API."""
    return STATUSES.get(status.decode())
