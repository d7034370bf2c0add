"""The queue as callers use it: submit, list, cancel, delete, and where a job stands."""

from __future__ import annotations

import secrets
import time
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from typing import cast

from redis import Redis
from rq import Retry
from rq.command import send_command  # pyright: ignore[reportUnknownVariableType] untyped **kwargs
from rq.exceptions import DuplicateJobError, NoSuchJobError
from rq.registry import CanceledJobRegistry, FailedJobRegistry, FinishedJobRegistry
from rq.serializers import JSONSerializer

from jobs.queue import idempotency, lanes, quotas, script, settle, workers
from jobs.queue.events import ENDED, Status, StatusEvent, job_stream, publish
from jobs.queue.record import STATUSES, Field, JobRecord, fetch, read, read_many
from jobs.request.request import ResolvedRequest
from jobs.settings import settings
from jobs.webhooks import outbox
from jobs.webhooks.outbox import Hook

FUNCTION = "worker.loop.rq_worker.generate"
"""The name that RQ shows for our jobs; only `darkroom worker` runs them."""

KEYED = "keyed"
"""Of RQ's meta of a job: it came with an Idempotency-Key, which must not make it again."""

ATTEMPTS = 3
"""Times a job is run before it fails because its workers died."""

RETRY_AFTER = 5
"""Seconds a caller is asked to wait where nothing was measured yet."""

LIST_SCAN = 500
"""Records one page of a filtered list looks at; the cursor goes on from there."""


class QueueFull(Exception):
    """The caller gets 429 and is asked to come back after `retry_after` seconds."""

    def __init__(self, limit: int, retry_after: int) -> None:
        super().__init__(f"the queue is full: {limit} jobs are waiting, which is the limit")
        self.retry_after = retry_after


def new_job_id() -> str:
    """An id that sorts by time: 12 hex digits of milliseconds, 20 of chance."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


def submit(
    connection: Redis,
    request: ResolvedRequest,
    owner: str,
    caller: str | None = None,
    account: str | None = None,
    job_id: str | None = None,
    keyed: bool = False,
    hook: Hook | None = None,
) -> JobRecord:
    """Put a job into its lane and return its record; once this returns the job is kept.

    The owner sees the job; the caller, who is the owner unless given, takes turns; limits count by
    account, which is the caller unless given. Of two that are sent at once with the same `job_id`,
    one is added and both are told of it; `keyed` says that the id belongs to an Idempotency-Key.
    `hook` names who is told of its events.
    Raises QueueFull, QuotaExceeded, InvalidRequest where a limit is below the job's own pictures,
    or redis.exceptions.RedisError, after which it may or may not be there.
    """
    job_id = job_id or new_job_id()
    total = sum(lanes.waiting(connection, lanes.lanes(connection)).values())
    if total >= settings().max_queue:
        raise QueueFull(settings().max_queue, retry_after(connection, total))
    lane = lanes.lane(request.model, request.priority, caller or owner)
    queue = lane.queue(connection)
    quotas.admit(
        connection,
        job_id,
        account or lane.caller,
        request.count,
        lambda: retry_after(connection, total),
    )
    with connection.pipeline() as pipe:
        if hook is not None:
            outbox.subscribe(pipe, job_id, hook)
        pipe.zadd(_index(owner), {job_id: 0})
        publish(pipe, owner, StatusEvent(job=job_id, status="queued"))
        pipe.execute()
    with suppress(DuplicateJobError):  # the reply to an earlier try was lost; the job is there
        queue.enqueue_call(
            FUNCTION,
            kwargs={"request": request.model_dump(mode="json"), "owner": owner},
            timeout=settings().job_timeout,
            result_ttl=settle.KEEP,
            failure_ttl=settle.KEEP,
            description=f"{request.kind} with {request.model}",
            meta={KEYED: True} if keyed else None,
            retry=Retry(max=ATTEMPTS - 1, enqueue_at_front=True),
            job_id=job_id,
            unique=True,
        )
    # A worker that tidies up empty lanes may have dropped this one before the job was in it.
    connection.sadd(lanes.QUEUES, queue.key)
    lanes.ring(connection)
    record = read(connection, job_id)
    if record is None:
        raise NoSuchJobError(f"job {job_id} was deleted while it was being submitted")
    return record


def list_jobs(
    connection: Redis,
    owner: str | None,
    *,
    limit: int,
    before: str | None,
    status: Status | None,
    search: str = "",
) -> tuple[list[JobRecord], str | None]:
    """An owner's jobs older than the id `before`, newest first; and the next page's `before`.

    Without an owner, everybody's. `search` finds those whose prompt has each of its words, or
    words that these are parts of, whatever the case.
    """
    words = _folded(search).split()
    found: list[JobRecord] = []
    scanned = 0
    while len(found) < limit and scanned < LIST_SCAN:
        ids = _newest(connection, owner, before, limit)
        if not ids:
            return found, None
        scanned += len(ids)
        for record in read_many(connection, ids):
            if record is None or (status and record.status != status):
                continue
            if words and not _has(record.request.prompt, words):
                continue
            found.append(record)
            if len(found) == limit:
                return found, record.id
        before = ids[-1]
    return found, before


def _has(prompt: str, words: list[str]) -> bool:
    text = _folded(prompt)
    return all(word in text for word in words)


def _folded(text: str) -> str:
    """The text as it is compared: keyboards write the same accents in more ways than one."""
    return unicodedata.normalize("NFC", text).casefold()


def _newest(connection: Redis, owner: str | None, before: str | None, limit: int) -> list[str]:
    """The newest ids of an owner, or of all, that are older than `before`: ids sort by time."""
    every = cast("Iterator[bytes]", connection.scan_iter(_index("*")))
    indices = [_index(owner)] if owner else [each.decode() for each in every]
    newest = f"({before}" if before else "+"
    with connection.pipeline(transaction=False) as pipe:
        for index in indices:
            pipe.zrange(index, newest, "-", desc=True, bylex=True, offset=0, num=limit)
        pages = cast("list[list[bytes]]", pipe.execute())
    # More than once where SCAN gave an index twice.
    return sorted({each.decode() for page in pages for each in page}, reverse=True)[:limit]


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
        if not script.run_if(connection, pipe, job.key, "status", status):
            continue
        if record.status == "running" and record.worker:
            send_command(connection, record.worker, "stop-job", job_id=job_id)
        return read(connection, job_id)


def delete(connection: Redis, record: JobRecord) -> None:
    """Remove a job's record; a worker that runs it loses its lease, stops and publishes nothing."""
    try:
        job = fetch(connection, record.id)
    except NoSuchJobError:
        connection.zrem(_index(record.owner), record.id)
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
    outbox.forget(pipe, job.id)
    quotas.forget(pipe, job.id)
    if KEYED in job.meta:
        idempotency.bury(pipe, job.id)
    pipe.zrem(_index(record.owner), job.id)
    script.run_if(connection, pipe, job.key, "origin", job.origin)


def ended_before(connection: Redis, moment: float) -> Iterator[JobRecord]:
    """Every owner's ended jobs that were made before a moment (seconds since the epoch)."""
    newest = f"({int(moment * 1000):012x}"
    for key in cast("Iterator[bytes]", connection.scan_iter(_index("*"))):
        ids = cast("list[bytes]", connection.zrange(key, "-", newest, bylex=True, offset=0, num=-1))
        for start in range(0, len(ids), LIST_SCAN):
            page = [each.decode() for each in ids[start : start + LIST_SCAN]]
            for record in read_many(connection, page):
                if record is not None and record.status in ENDED:
                    yield record


def position(connection: Redis, record: JobRecord) -> int | None:
    """How many jobs go before this one, callers taking turns; None if it does not wait."""
    if record.status != "queued":
        return None
    own = lanes.parse(record.lane)
    place = cast("int | None", connection.lpos(f"rq:queue:{record.lane}", record.id))
    if own is None or place is None:
        return 0  # a worker is taking it this moment
    others = [each for each in lanes.lanes(connection) if each != own and each.rank >= own.rank]
    lengths = lanes.waiting(connection, others)
    served = lanes.turns(connection, [own.caller, *(each.caller for each in others)])
    ahead = place
    for other, length in lengths.items():
        if other.rank > own.rank:
            ahead += length
        else:
            first = served[other.caller] < served[own.caller]
            ahead += min(length, place + first)
    return ahead


def eta(connection: Redis, record: JobRecord) -> float | None:
    """Seconds until the job should be done, from measured rates; None without any."""
    if record.status == "running":
        if record.progress is None or record.seconds_per_step is None:
            return None
        left = record.progress.steps - record.progress.step
        return round(left * record.seconds_per_step, 2)
    if record.status != "queued":
        return None
    ahead = position(connection, record)
    rate = workers.jobs_per_second(connection)
    if ahead is None or not rate:
        return None
    return round((ahead + 1) / rate, 2)


def retry_after(connection: Redis, waiting: int) -> int:
    """Whole seconds until a tenth of the queue should be done."""
    rate = workers.jobs_per_second(connection)
    return min(600, max(1, round(waiting / 10 / rate))) if rate else RETRY_AFTER


def _index(owner: str) -> str:
    return f"darkroom:jobs:{owner}"
