"""Waiting for a job in the request that made it, holding nothing but the request's own thread."""

from __future__ import annotations

import logging
import select
import socket
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from typing import NoReturn, cast

from flask import request
from redis import Redis
from redis.exceptions import RedisError

from jobs.queue import queue
from jobs.records.events import Event
from jobs.records.record import JobRecord, read
from server.door.auth import caller
from server.errors import ApiError, Unavailable
from server.outages import StoreAway
from server.resources import resources
from server.streams import following
from server.streams.hub import current_hub

log = logging.getLogger(__name__)

CLOSED = select.POLLHUP | select.POLLERR | select.POLLNVAL | getattr(select, "POLLRDHUP", 0)
"""How a connection looks whose client has hung up, with TLS or without; what else a client has
sent meanwhile is not read."""


class ClientGone(Exception):
    """Nobody is left to get an answer."""


class TooManyWaiting(Unavailable):
    """The caller gets 503 and may send the request again: its job was canceled."""

    def __init__(self, reason: str) -> None:
        super().__init__("too-many-waiting", f"{reason}; this request was not queued")


def wait(record: JobRecord, seconds: float) -> JobRecord:
    """The job as it stands once it has ended, or after some seconds, when it may not have.

    Raises a 503 where too many wait already, and ClientGone; the job is canceled then unless it
    is running.
    """
    with closing(follow(record, seconds, live=False)) as events:
        for _ in events:
            pass
    return read(resources().redis, record.id) or _deleted(record.id)


def follow(
    record: JobRecord, seconds: float, *, live: bool = True
) -> Generator[Event | None, None, None]:
    """What happens to a job until it has ended, or some seconds have passed, or the server stops.

    Its status comes at once, then its events, with previews and progress if `live`, and None after
    each second in which nothing happened. To be closed when the client has gone: a job that is
    still queued is canceled then. Raises as `wait` does.
    """
    hub, redis, account = current_hub(), resources().redis, caller().account
    gone = _watch(cast("socket.socket | None", request.environ.get("gunicorn.socket")))
    if not hub.take_seat(account):
        queue.cancel(redis, record.id)
        raise TooManyWaiting(hub.why_no_seat(account))
    try:
        happens = following.follow(hub, redis, record, seconds, live=live)
        with _canceled_if_left(record.id, redis), closing(happens) as events:
            for event in events:
                if gone():
                    raise ClientGone
                yield event
    finally:
        hub.give_seat_back(account)


def pictures(record: JobRecord) -> list[bytes]:
    """The pictures that a job has made, each a PNG as it was stored."""
    store = resources().store
    made: list[bytes] = []
    try:
        for output in record.outputs:
            made.append(store.read(output.id))
    except FileNotFoundError:
        _deleted(record.id)
    except OSError as error:
        raise StoreAway from error
    return made


def unfinished(record: JobRecord) -> ApiError:
    """What a client is told whose job did not end well, or not in time."""
    if record.status == "canceled":
        return ApiError(409, "canceled", f"job {record.id} was canceled")
    if record.error is not None:
        status = 400 if record.error.code == "refused" else 500
        return ApiError(status, record.error.code, record.error.detail)
    detail = (
        f"the pictures are not ready yet; job {record.id} goes on, and they will be among those "
        "of the server's page"
    )
    return ApiError(504, "not-ready", detail)


@contextmanager
def _canceled_if_left(job_id: str, redis: Redis) -> Generator[None, None, None]:
    """Cancels the job, if it waits still, when its client leaves: nobody would see what it makes.

    One that is running is left to finish, and is found in the list of jobs.
    """
    try:
        yield
    except (ClientGone, GeneratorExit):
        try:
            queue.cancel(redis, job_id, running=False)
        except RedisError as error:
            log.warning("Job %s goes on though its client has left: %s", job_id, error)
        raise


def _watch(connection: socket.socket | None) -> Callable[[], bool]:
    """Says whether the client has closed its connection; never where there is none to look at."""
    if connection is None:
        return lambda: False
    poll = select.poll()
    poll.register(connection, CLOSED)
    return lambda: any(events & CLOSED for _, events in poll.poll(0))


def _deleted(job_id: str) -> NoReturn:
    raise ApiError(410, "deleted", f"job {job_id} was deleted before its pictures were fetched")
