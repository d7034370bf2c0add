"""A slot: one RQ job that this worker holds, from its lease to its last word."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field

from rq.executions import Execution
from rq.job import Job

from jobs.events import Error, Output, Progress
from jobs.lanes import Lane
from jobs.record import JobRecord
from jobs.request import ResolvedRequest
from worker.engine import Engine, ImageRequest


@dataclass(eq=False)
class Slot:
    """What the worker knows of a job under way; all of it can be lost and made again."""

    job: Job
    lane: Lane
    execution: Execution
    record: JobRecord
    solo: bool
    outputs: dict[int, Output] = field(default_factory=dict[int, Output])
    started: float = field(default_factory=time.monotonic)
    first_step: float | None = None
    first_steps: int = 0
    reported: int = -1
    previewed: float = 0.0
    stop: bool = False
    lost: bool = False
    settling: bool = False
    error: Error | None = None

    @property
    def id(self) -> str:
        """The job's id."""
        return self.job.id

    @property
    def request(self) -> ResolvedRequest:
        """What was asked for."""
        return self.record.request

    @property
    def complete(self) -> bool:
        """Whether every picture is in the store."""
        return len(self.outputs) == self.request.count

    @property
    def deadline(self) -> float:
        """When the job fails for taking too long, on the monotonic clock."""
        return self.started + float(self.job.timeout or 0)

    def task_id(self, index: int) -> str:
        """The engine's id for picture `index`. Another attempt at the job has other ids."""
        return f"{self.id}/{self.execution.id}/{index}"

    def image_request(self, index: int) -> ImageRequest:
        """Picture `index` as the engine takes it."""
        request = self.request
        return ImageRequest(
            model=request.model,
            prompt=request.prompt,
            negative_prompt=request.negative_prompt,
            width=request.width,
            height=request.height,
            steps=request.steps,
            guidance_scale=request.guidance_scale,
            seed=request.image_seed(index),
            sampler=request.sampler,
        )

    def progress(self, engine: Engine) -> Progress:
        """How far all the job's pictures are together, in the steps that were asked for."""
        done = float(len(self.outputs))
        for index in set(range(self.request.count)) - self.outputs.keys():
            with suppress(KeyError):  # not yet in the engine, or out of it and being stored
                state = engine.progress(self.task_id(index))
                done += state.step / max(1, state.steps)
        fraction = done / self.request.count
        steps = self.request.steps * self.request.count
        return Progress(step=int(fraction * steps), steps=steps, fraction=round(fraction, 4))


def parse_task_id(task_id: str) -> tuple[str, str, int]:
    """The job's id, the execution's id and the picture's number in a task's id."""
    job_id, execution_id, index = task_id.split("/")
    return job_id, execution_id, int(index)
