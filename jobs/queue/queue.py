"""The queue as callers use it: submit, cancel, delete."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from typing import cast

from redis import Redis
from redis.client import Pipeline
from redis.typing import EncodableT, FieldT
from rq import Retry
from rq.command import send_command  # pyright: ignore[reportUnknownVariableType] untyped **kwargs
from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus
from rq.registry import CanceledJobRegistry, FailedJobRegistry, FinishedJobRegistry
from rq.serializers import JSONSerializer

from jobs.lists import listing, standing
from jobs.lists.looks import Looks
from jobs.queue import idempotency, own_quotas, quotas, settle, suspects
from jobs.records import lanes, once
from jobs.records.events import ENDED, StatusEvent, job_stream, tell
from jobs.records.record import STATUSES, Field, JobRecord, fetch, from_job, read
from jobs.request.extent import Extent
from jobs.request.fields.trace import wish
from jobs.request.notes import Note
from jobs.request.pictures import Pictures
from jobs.request.request import ResolvedRequest
from jobs.sentences import say
from jobs.settings import settings
from jobs.webhooks import outbox
from jobs.webhooks.outbox import Hook

FUNCTION = "worker.loop.rq_worker.generate"
"""The name that RQ shows for our jobs; only `darkroom worker` runs them."""

KEYED = "keyed"
"""Of RQ's meta of a job: it came with an Idempotency-Key, which must not make it again."""

TRACE = "traceparent"
"""Of RQ's meta of a job: the span that the work on it is a part of, as W3C writes it."""

ATTEMPTS = 3
"""Times a job is run before it fails because its workers died."""

RETRY_AFTER = 5
"""Seconds a caller is asked to wait where nothing was measured yet."""


class QueueFull(Exception):
    """The caller gets 429 and is asked to come back after `retry_after` seconds."""

    def __init__(self, limit: int, retry_after: int) -> None:
        super().__init__(
            say(
                "queue-full",
                "the queue is full: {limit} jobs are waiting, which is the limit",
                limit=limit,
            )
        )
        self.retry_after = retry_after


def new_job_id() -> str:
    """An id that sorts by time: 12 hex digits of milliseconds, 3 of a fraction, 17 of chance."""
    whole, rest = divmod(time.time_ns(), 1_000_000)
    return f"{whole:012x}{rest * 4096 // 1_000_000:03x}{secrets.token_hex(9)[:17]}"


def submit(
    connection: Redis,
    request: ResolvedRequest,
    owner: str,
    *,
    caller: str | None = None,
    account: str | None = None,
    job_id: str | None = None,
    keyed: bool = False,
    hook: Hook | None = None,
    trace: str | None = None,
    notes: Sequence[Note] = (),
    looks: Looks | None = None,
    pictures_given: Pictures | None = None,
) -> JobRecord:
    """Put a job into its lane and return its record; once this returns the job is kept.

    The owner sees the job; the caller, who is the owner unless given, takes turns; limits count by
    account, which is the caller unless given. Of two that are sent at once with the same `job_id`,
    one is added and both are told of it; `keyed` says that the id belongs to an Idempotency-Key.
    `hook` names who is told of its events, `trace` what the work on it is a part of; `notes` are
    shown with it. `looks` are those that the caller's process shares; `pictures_given` says how
    large the pictures are that it starts from.
    Raises QueueFull, QuotaExceeded, InvalidRequest where a limit is below the job's own pictures,
    or redis.exceptions.RedisError, after which it may or may not be there.
    """
    job_id, looks = job_id or new_job_id(), looks or Looks(connection)
    lane = lanes.lane(request.model, request.priority, caller or owner)
    account = account or lane.caller
    unended, own = own_quotas.look(connection, account)
    if unended >= settings().max_queue:
        stands = looks.now()
        if stands.waiting >= settings().max_queue:
            raise QueueFull(settings().max_queue, stands.retry_after() or RETRY_AFTER)
    # A trace takes the room of another picture.
    traced = wish(request.trace) is not None
    pictures = request.count * (2 if traced else 1)
    pointer = "/trace" if traced else "/walk" if request.walk else "/count"
    quotas.admit(connection, job_id, account, pictures, lambda: busy_for(looks), pointer, own)
    rq_queue = lane.queue(connection)
    job = rq_queue.create_job(
        FUNCTION,
        kwargs={"request": request.model_dump(mode="json"), "owner": owner},
        timeout=settings().job_timeout,
        result_ttl=settle.KEEP,
        failure_ttl=settle.KEEP,
        description=f"{request.kind} with {request.model}",
        meta=_meta(keyed, trace) or None,
        retry=Retry(max=ATTEMPTS - 1, enqueue_at_front=True),
        job_id=job_id,
    )
    job.origin = lane.name
    # Of what is empty RQ reads as much where it is left out, and a record is kept for long.
    every = cast("dict[str, EncodableT]", job.to_dict())
    fields: dict[FieldT, EncodableT] = {key: each for key, each in every.items() if each != ""}
    fields["status"] = JobStatus.QUEUED.value
    if notes:
        fields[Field.NOTES] = json.dumps([note.model_dump() for note in notes])
    if pictures_given:
        extent = Extent.of(request, pictures_given)
        fields[Field.EXTENT] = extent.model_dump_json(exclude_defaults=True)
    event = StatusEvent(job=job_id, status="queued")
    with connection.pipeline() as pipe:
        pipe.hset(job.key, mapping=fields)
        pipe.sadd(lanes.QUEUES, rq_queue.key)
        rq_queue.push_job_id(job_id, pipeline=pipe)
        listing.add(pipe, owner, job_id, request)
        standing.add(pipe, job_id, request)
        if hook is not None:
            outbox.subscribe(pipe, job_id, hook)
            outbox.record_first(pipe, job_id, hook, event.event, event.model_dump_json())
        tell(pipe, owner, event)
        lanes.add_ring(pipe)
        new = once.run_if_new(connection, job.key, pipe)
    record = from_job(job, fields) if new else read(connection, job_id)
    if record is None:
        raise NoSuchJobError(f"job {job_id} was deleted while it was being submitted")
    if new:
        looks.add(record)
    return record


def cancel(connection: Redis, job_id: str, *, running: bool = True) -> JobRecord | None:
    """Cancel a queued job now, a running one within its next step; an ended one stays as it is.

    Without `running`, one that runs is left to finish.
    """
    while True:
        record = read(connection, job_id)
        if record is None or record.status in ENDED:
            return record
        if record.status == "running" and not running:
            return record
        try:
            job = fetch(connection, job_id)
        except NoSuchJobError:
            continue
        status = str(job.get_status(refresh=False).value)
        if STATUSES.get(status) != record.status:
            continue
        pipe = connection.pipeline()
        if record.status == "queued":
            settle.cancel(pipe, job)
        else:
            pipe.hset(job.key, Field.CANCEL, 1)
        if not once.run_if_still(connection, job.key, "status", status, pipe):
            continue
        if record.status == "running" and record.worker:
            send_command(connection, record.worker, "stop-job", job_id=job_id)
        return read(connection, job_id)


def delete(connection: Redis, record: JobRecord) -> None:
    """Remove a job's record; a worker that runs it loses its lease, stops and publishes nothing."""
    try:
        job = fetch(connection, record.id)
    except NoSuchJobError:
        with connection.pipeline() as pipe:
            _forget(pipe, record)
            pipe.execute()
        return
    wip = job.started_job_registry.key
    leases = [
        entry
        for entry in cast("list[bytes]", connection.zrange(wip, 0, -1))
        if entry.decode().startswith(f"{record.id}:")
    ]
    pipe = connection.pipeline()
    pipe.lrem(f"rq:queue:{job.origin}", 1, job.id)
    if leases:
        pipe.zrem(wip, *leases)
    for kind in (FinishedJobRegistry, FailedJobRegistry, CanceledJobRegistry):
        registry = kind(job.origin, connection=connection, serializer=JSONSerializer)
        pipe.zrem(registry.key, job.id)
    pipe.delete(job.key, f"rq:results:{job.id}", f"rq:executions:{job.id}")
    pipe.delete(job_stream(job.id))
    _forget(pipe, record)
    if KEYED in job.meta:
        idempotency.bury(pipe, job.id)
    once.run_if_still(connection, job.key, "origin", job.origin, pipe)


def forget_picture(connection: Redis, job_id: str, image: str) -> None:
    """Take a picture out of what an ended job has made; the others stay."""
    key = Job.key_for(job_id)
    while (raw := cast("bytes | None", connection.hget(key, Field.OUTPUTS))) is not None:
        left = [each for each in json.loads(raw) if each["id"] != image]
        pipe = connection.pipeline()
        pipe.hset(key, Field.OUTPUTS, json.dumps(left))
        if once.run_if_still(connection, key, Field.OUTPUTS, raw.decode(), pipe):
            return


def _meta(keyed: bool, trace: str | None) -> dict[str, object]:
    meta: dict[str, object] = {KEYED: True} if keyed else {}
    return meta | {TRACE: trace} if trace else meta


def _forget(pipe: Pipeline, record: JobRecord) -> None:
    outbox.forget(pipe, record.id)
    quotas.forget(pipe, record.id)
    listing.remove(pipe, record.owner, record.id)
    standing.remove(pipe, record.id)
    suspects.acquit(pipe, record.id)


def busy_for(looks: Looks) -> int:
    """Whole seconds until a tenth of the queue should be done."""
    return looks.now().retry_after() or RETRY_AFTER
