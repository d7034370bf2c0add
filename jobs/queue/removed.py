"""Jobs that wait for a model which was removed: they fail, and say so."""

from __future__ import annotations

from typing import cast

from redis import Redis
from rq.exceptions import NoSuchJobError

from jobs.queue import settle
from jobs.records import catalogues, lanes, once, workers
from jobs.records.events import Error
from jobs.records.record import Field, fetch

QUEUED = "queued"
"""RQ's status of a job that waits."""


def fail_waiting(connection: Redis) -> int:
    """End all jobs that wait for a model which nobody names any more; returns how many.

    One that was submitted while its model was being removed is found at the next call.
    """
    removed = catalogues.removed_models(connection)
    if not removed:
        return 0
    offered = {card.name for worker in workers.live(connection) for card in worker.models}
    gone = {lanes.plain(name) for name in removed - offered}
    ended = 0
    for lane in lanes.lanes(connection):
        if lane.model not in gone:
            continue
        for job_id in cast("list[bytes]", connection.lrange(f"rq:queue:{lane.name}", 0, -1)):
            ended += _fail(connection, job_id.decode(), lane.model)
    return ended


def _fail(connection: Redis, job_id: str, model: str) -> bool:
    try:
        job = fetch(connection, job_id)
    except NoSuchJobError:
        return False
    pipe = connection.pipeline()
    if connection.hexists(job.key, Field.CANCEL):
        settle.cancel(pipe, job)
    else:
        detail = f"The model {model!r} was removed from this server while the job waited for it."
        settle.fail(pipe, job, "", Error(code="no_longer_offered", detail=detail))
        pipe.lrem(f"rq:queue:{job.origin}", 1, job.id)
    return once.run_if_still(connection, job.key, "status", QUEUED, pipe)
