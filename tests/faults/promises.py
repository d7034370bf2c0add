"""What must hold once the faults are over: each function says what does not, in sentences."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from PIL import Image
from redis import Redis

from jobs.lists import standing
from jobs.queue import suspects
from jobs.queue.queue import ATTEMPTS
from jobs.records import events
from jobs.records.record import JobRecord, read_many
from tests.faults.callers import Accepted, Follower, Receiver
from tests.faults.house import House
from tests.faults.store import Store, picture
from tests.faults.witness import Witness

SIDE_LISTS = (
    "rq:queue:*",
    "rq:wip:*",
    "rq:execution:*",
    "rq:executions:*",
    "rq:results:*",
    "darkroom:webhook:*:outbox",
    suspects.SUSPECTS,
    standing.OPEN,
    "darkroom:webhooks:due",
    "darkroom:webhooks:holders",
    "darkroom:webhooks:dead",
    "darkroom:quota:flight",
)
"""Keys of what is under way, or was given up: none is left when everything has ended."""


def every_job_ended_for_a_true_reason(
    records: Sequence[JobRecord | None], jobs: Sequence[Accepted], witness: Witness, house: House
) -> list[str]:
    """Accepted is succeeded, failed with its true reason, and canceled by who asked for it."""
    wrong: list[str] = []
    for job, record in zip(jobs, records, strict=True):
        if record is None:
            wrong.append(f"job {job.id} was accepted and is gone")
        elif record.status == "canceled":
            if not job.canceled:
                wrong.append(f"job {job.id} was canceled, and nobody asked for it")
        elif record.status == "failed":
            assert record.error
            had = witness.workers_of(job.id)
            died = house.dead.keys() >= set(had) and record.attempts == ATTEMPTS
            if record.error.code != "worker_died" or not died:
                wrong.append(f"job {job.id} failed: {record.error}; its workers were {had}")
        elif record.status != "succeeded":
            wrong.append(f"job {job.id} is {record.status}")
    return wrong


def each_has_one_result(
    redis: Redis, records: Iterable[JobRecord | None], store: Store
) -> list[str]:
    """One end in its stream, as many pictures as were asked for, each whole in the store."""
    wrong: list[str] = []
    for record in filter(None, records):
        stream = cast("list[tuple[bytes, dict[bytes, bytes]]]", redis.xrange(_stream(record)))
        told = Counter(events.parse(fields[b"data"]).event for _, fields in stream)
        if told["done"] != 1:
            wrong.append(f"job {record.id} ended {told['done']} times")
        if record.status != "succeeded":
            continue
        ids = [output.id for output in record.outputs]
        if len(set(ids)) != record.request.count:
            wrong.append(f"job {record.id} has {ids} of {record.request.count} pictures")
        for each in ids:
            try:
                Image.open(io.BytesIO(picture(store, each))).load()
            except OSError as error:
                wrong.append(f"picture {each}: {error}")
    return wrong


def nobody_has_more_jobs_than_were_accepted(redis: Redis, jobs: Iterable[Accepted]) -> list[str]:
    """A job that was sent twice under its key is one."""
    accepted = Counter(job.owner for job in jobs)
    return [
        f"{owner} has {there} jobs of {count} accepted"
        for owner, count in accepted.items()
        if (there := redis.zcard(f"darkroom:jobs:{owner}")) != count
    ]


def every_end_was_told_once(jobs: Iterable[Accepted], followers: dict[str, Follower]) -> list[str]:
    """To a client that came back again and again."""
    return [
        f"the end of job {job.id} came {came} times: {followers[job.owner].seen[job.id]}"
        for job in jobs
        if (came := followers[job.owner].ends[job.id]) != 1
    ]


def every_webhook_came(jobs: Iterable[Accepted], receiver: Receiver) -> list[str]:
    """At least once, and under one id."""
    return [
        f"the webhook of job {job.id} came as {receiver.came[job.id]}"
        for job in jobs
        if job.hooked and len(receiver.came[job.id]) != 1
    ]


def nothing_is_left(redis: Redis) -> list[str]:
    """In the side lists of Redis."""
    return [
        f"{key.decode()} is left"
        for pattern in SIDE_LISTS
        for key in cast("Iterable[bytes]", redis.scan_iter(match=pattern, count=1000))
    ]


def nobody_ended_by_itself(house: House) -> list[str]:
    """What the supervisor saw end was killed; no log has a traceback."""
    wrong = re.findall(r".* ended \(exit code.*", house.said())
    for log in house.logs():
        text = log.read_text(errors="replace")
        wrong += [f"{log.name}: {error}" for error in _raised(text.splitlines())]
    return [f"{each} ({count} times)" for each, count in Counter(wrong).items()]


def _raised(lines: list[str]) -> Iterator[str]:
    """The last line of each traceback: what was raised."""
    for number, line in enumerate(lines):
        if line.lstrip().startswith("Traceback (most recent call last):"):
            depth = _indent(line)
            yield next((each for each in lines[number + 1 :] if _indent(each) <= depth), "").strip()


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip()) if line.strip() else 1000


def equal_pictures(first: JobRecord, second: JobRecord, store: Store) -> bool:
    """Whether two jobs made the same pictures, to the pixel."""
    return all(
        _pixels(store, one.id) == _pixels(store, other.id)
        for one, other in zip(first.outputs, second.outputs, strict=True)
    )


def records_of(redis: Redis, jobs: Sequence[Accepted]) -> list[JobRecord | None]:
    """The jobs' records, in order."""
    return read_many(redis, [job.id for job in jobs])


def _pixels(store: Store, image_id: str) -> tuple[tuple[int, int], bytes]:
    image = Image.open(io.BytesIO(picture(store, image_id)))
    return image.size, image.convert("RGB").tobytes()


def _stream(record: JobRecord) -> str:
    return events.job_stream(record.id)
