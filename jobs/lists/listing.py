"""Which jobs there are, newest first: of one owner or of all, of one status, with some words."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from typing import cast

from redis import Redis
from redis.client import Pipeline
from redis.exceptions import ResponseError
from rq.job import Job

from jobs.lists import search as searching
from jobs.lists import standing
from jobs.records import columns, once
from jobs.records.columns import Row
from jobs.records.events import ENDED, Status
from jobs.records.record import STATUSES, JobRecord, from_row, get_shown, read, read_many
from jobs.request.request import ResolvedRequest

EVERYBODY = "darkroom:everybody"
"""Sorted set of all ids; each owner has one beside it. All scores are 0: ids sort by time."""

PAGE = 500
"""Records read at once where all of many are wanted."""

STATUSES_AT_ONCE = (500, 5_000, 5_000, 5_000)
"""Jobs whose status one page of a list looks at, in so many commands; the cursor goes on there."""


def add(pipe: Pipeline, owner: str, job_id: str, request: ResolvedRequest) -> None:
    """Have a job listed and found."""
    pipe.zadd(_index(owner), {job_id: 0})
    pipe.zadd(EVERYBODY, {job_id: 0})
    searching.add(pipe, owner, job_id, request.prompt)


def remove(pipe: Pipeline, owner: str, job_id: str) -> None:
    """A job is gone."""
    pipe.zrem(_index(owner), job_id)
    pipe.zrem(EVERYBODY, job_id)
    searching.remove(pipe, owner, job_id)


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
    words that these are parts of, whatever the case. A page may have fewer jobs than `limit`
    though more follow.
    """
    index = _index(owner) if owner else EVERYBODY
    if asked := searching.folded(search).split():
        ids, further = searching.find(connection, owner, asked, before, limit)
        if len(ids) > limit:
            ids, further = ids[:limit], ids[limit - 1]
    elif status:
        ids, further = _of_status(connection, index, before, status, limit)
    else:
        rows = _page(connection, index, before, limit, get_shown())
        further = _id(rows[-1]) if len(rows) == limit else None
        records = [from_row(row) for row in rows]
        return [each for each in records if each], further
    found = read_chosen(connection, ids)
    return [each for each in found if not status or each.status == status], further


def read_chosen(connection: Redis, ids: Sequence[str]) -> list[JobRecord]:
    """Those of these jobs that are still there, newest first: in three commands, or where Redis has
    no room for the first of them in one for each job."""
    try:
        found = _together(connection, ids)
    except ResponseError:
        found = [record for record in read_many(connection, ids) if record]
    return sorted(found, key=lambda record: record.id, reverse=True)


def _together(connection: Redis, ids: Sequence[str]) -> list[JobRecord]:
    if not ids:
        return []
    key = f"darkroom:chosen:{secrets.token_hex(8)}"
    with connection.pipeline() as pipe:
        pipe.rpush(key, *ids)
        columns.ask(pipe, key, get_shown())
        pipe.delete(key)
        rows = columns.rows(pipe.execute()[1], get_shown())
    return [record for row in rows if (record := from_row(row))]


def ended_before(connection: Redis, moment: float) -> Iterator[JobRecord]:
    """Every owner's ended jobs that were made before a moment (seconds since the epoch)."""
    newest = f"({int(moment * 1000):012x}"
    return (each for each in every_job(connection, newest) if each.status in ENDED)


def every_job(connection: Redis, newest: str = "+") -> Iterator[JobRecord]:
    """Every owner's jobs, the oldest first, up to an end of a range of ids."""
    after = "-"
    while True:
        page = cast(
            "list[bytes]",
            connection.zrange(EVERYBODY, after, newest, bylex=True, offset=0, num=PAGE),
        )
        if not page:
            return
        ids = [each.decode() for each in page]
        for record in read_many(connection, ids):
            if record is not None:
                yield record
        after = f"({ids[-1]}"


def adopt(connection: Redis) -> Iterator[int]:
    """Have the jobs of an earlier version listed, found and counted, one or none with each step.

    A step takes milliseconds, so that whoever has little time does some now and then.
    """
    for key in cast("Iterator[bytes]", connection.scan_iter(_index("*"))):
        owner = key.decode().removeprefix(_index(""))
        after = "-"
        while True:
            page = cast(
                "list[bytes]", connection.zrange(key, after, "+", bylex=True, offset=0, num=PAGE)
            )
            if not page:
                break
            ids = [each.decode() for each in page]
            for job_id, score in zip(ids, connection.zmscore(EVERYBODY, ids), strict=True):
                if score is None:
                    yield _adopt(connection, owner, job_id)
            after = f"({ids[-1]}"
            yield 0


def _adopt(connection: Redis, owner: str, job_id: str) -> int:
    record = read(connection, job_id)
    if record is None:
        return 0
    with connection.pipeline() as pipe:
        add(pipe, owner, job_id, record.request)
        if record.status not in ENDED:
            standing.add(pipe, job_id, record.request)
        return int(once.run_if_there(connection, Job.key_for(job_id), pipe))


def _of_status(
    connection: Redis, index: str, before: str | None, status: Status, limit: int
) -> tuple[list[str], str | None]:
    found: list[str] = []
    for number in STATUSES_AT_ONCE:
        rows = _page(connection, index, before, number, ["#", f"{Job.key_for('*')}->status"])
        for row in rows:
            if STATUSES.get((row[1] or b"").decode()) == status:
                found.append(_id(row))
                if len(found) == limit:
                    return found, found[-1]
        if len(rows) < number:
            return found, None
        before = _id(rows[-1])
    return found, before


def _page(
    connection: Redis, index: str, before: str | None, number: int, get: Sequence[str]
) -> list[Row]:
    return columns.read(connection, index, get, before=before or "", number=number)


def _id(row: Sequence[bytes | None]) -> str:
    return (row[0] or b"").decode()


def _index(owner: str) -> str:
    return f"darkroom:jobs:{owner}"
