"""The last word on a job: each function adds to a transaction all that one outcome changes.

RQ's state, our fields on the job and the event for its owner change together or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from redis.client import Pipeline
from redis.typing import EncodableT, FieldT
from rq.job import Job, JobStatus
from rq.registry import CanceledJobRegistry
from rq.serializers import JSONSerializer
from rq.utils import now, utcformat

from jobs.lists import standing
from jobs.queue import suspects
from jobs.records.events import DoneEvent, Error, Output, StatusEvent, publish
from jobs.records.lanes import BELL
from jobs.records.metrics import count
from jobs.records.record import Field

KEEP = -1
"""RQ's result_ttl and failure_ttl for "never expires": a record ends with DELETE or KEEP_DAYS."""


def keep(pipe: Pipeline, job: Job, outputs: Sequence[Output]) -> None:
    """These pictures of the job are stored: it has them, whatever becomes of it."""
    pictures = [output.model_dump() for output in outputs]
    pipe.hset(job.key, Field.OUTPUTS, json.dumps(pictures))


def succeed(pipe: Pipeline, job: Job, worker: str, outputs: Sequence[Output]) -> None:
    """The job has its pictures."""
    job.ended_at = now()
    job._result = {"outputs": [output.id for output in outputs]}  # pyright: ignore[reportPrivateUsage] RQ has no setter
    job._handle_success(KEEP, pipe, worker_name=worker)  # pyright: ignore[reportPrivateUsage] what RQ's own worker calls
    pipe.persist(job.key)
    keep(pipe, job, outputs)
    _done(pipe, job, DoneEvent(job=job.id, status="succeeded"))


def fail(pipe: Pipeline, job: Job, worker: str, error: Error) -> None:
    """The job will not be tried again. One that was refused has no pictures."""
    if error.code == "refused":
        pipe.hdel(job.key, Field.OUTPUTS)
    job.ended_at = now()
    job.set_status(JobStatus.FAILED, pipeline=pipe)
    job._handle_failure(error.detail, pipe, worker_name=worker)  # pyright: ignore[reportPrivateUsage] what RQ's own worker calls
    pipe.hset(job.key, Field.ERROR, error.model_dump_json())
    _done(pipe, job, DoneEvent(job=job.id, status="failed", error=error))


def cancel(pipe: Pipeline, job: Job) -> None:
    """The job was canceled, queued or running."""
    job.set_status(JobStatus.CANCELED, pipeline=pipe)
    pipe.hset(job.key, "ended_at", utcformat(now()))
    pipe.lrem(f"rq:queue:{job.origin}", 1, job.id)
    registry = CanceledJobRegistry(job.origin, connection=job.connection, serializer=JSONSerializer)
    registry.add(job, ttl=KEEP, pipeline=pipe)
    _done(pipe, job, DoneEvent(job=job.id, status="canceled"))


def give_back(pipe: Pipeline, job: Job, *, crashed: bool) -> None:
    """The job goes to the front of its lane: after a crash as a suspect and at the cost of a retry,
    else as if this attempt had not been."""
    mapping: dict[FieldT, EncodableT] = {"status": JobStatus.QUEUED.value, "worker_name": ""}
    if crashed:
        mapping["retries_left"] = (job.retries_left or 1) - 1
        pipe.hincrby(job.key, Field.CRASHES, 1)
        count(pipe, "requeued_jobs", "worker_died")
        suspects.condemn(pipe, job)
    else:
        pipe.hincrby(job.key, Field.ATTEMPTS, -1)
        suspects.release(pipe, job.id)
    pipe.hset(job.key, mapping=mapping)
    pipe.hdel(job.key, Field.PROGRESS)
    pipe.lpush(f"rq:queue:{job.origin}", job.id)
    pipe.lpush(BELL, 1)
    publish(pipe, owner_of(job), StatusEvent(job=job.id, status="queued"))


def owner_of(job: Job) -> str:
    """Whose job it is."""
    return str(job.kwargs["owner"])


def _done(pipe: Pipeline, job: Job, event: DoneEvent) -> None:
    pipe.hdel(job.key, Field.CANCEL)
    # What RQ says again of a job's end: the hash has it, and is kept for long.
    pipe.delete(f"rq:results:{job.id}")
    standing.remove(pipe, job.id)
    suspects.acquit(pipe, job.id)
    count(pipe, "jobs", event.status)
    publish(pipe, owner_of(job), event)
