"""What this API knows of a job beside the job: the graph, who sent it, which node shows what.

All of it is in Redis and expires; the job itself stays for as long as jobs do.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel, ValidationError
from redis import Redis
from rq.job import Job

from jobs.connection import now
from jobs.records.events import ENDED, Status
from jobs.records.record import STATUSES, JobRecord, read_many
from server.door.auth import caller
from server.resources import resources

LIFETIME = 7 * 24 * 3600
"""Seconds that a prompt is in the history for."""

MOST = 100
"""Prompts of an owner that are kept; the oldest go. Some clients ask for all of them ten times a
second."""

MAX_GRAPH = 128 * 1024
"""Bytes of a graph with what came beside it: those that are done here have a few thousand."""


class Shown(BaseModel):
    """A node that shows pictures: as what, and under which name."""

    type: str
    subfolder: str
    prefix: str


class Prompt(BaseModel):
    """One prompt, as it was sent and understood."""

    id: str
    job: str
    number: float
    client_id: str | None
    graph: dict[str, Any]
    extra_data: dict[str, Any]
    shown: dict[str, Shown]
    worker: str
    second: str | None
    first_steps: int

    @property
    def last_sampler(self) -> str:
        """The node at which the work ends."""
        return self.second or self.worker

    def class_of(self, node: str) -> str:
        """What a node is."""
        return str(self.graph[node]["class_type"])

    def queue_item(self) -> list[Any]:
        """It, as the queue and the history show it."""
        return [self.number, self.id, self.graph, self.extra_data, list(self.shown)]


@dataclass(frozen=True)
class Prompts:
    """The prompts of one owner."""

    redis: Redis
    owner: str

    @property
    def _index(self) -> str:
        """Key of a sorted set: ids of jobs, by when they were sent."""
        return f"darkroom:comfyui:prompts:{self.owner}"

    def _key(self, job_id: str) -> str:
        return f"darkroom:comfyui:prompt:{job_id}"

    def _id(self, prompt_id: str) -> str:
        return f"darkroom:comfyui:id:{self.owner}:{prompt_id}"

    def claim(self, prompt_id: str, job_id: str) -> str:
        """The job that belongs to an id of the client's own: this one, or which had it first."""
        name = self._id(prompt_id)
        self.redis.set(name, job_id, nx=True, ex=LIFETIME)
        return (cast("bytes | None", self.redis.get(name)) or job_id.encode()).decode()

    def next_number(self) -> int:
        """The number of a new prompt."""
        name = f"darkroom:comfyui:number:{self.owner}"
        with self.redis.pipeline() as pipe:
            pipe.incr(name)
            pipe.expire(name, LIFETIME)
            return int(pipe.execute()[0])

    def keep(self, prompt: Prompt) -> None:
        """Remember a prompt, before its job is sent: followers must know it by its first event."""
        sent = now(self.redis)
        with self.redis.pipeline() as pipe:
            pipe.set(self._key(prompt.job), prompt.model_dump_json(), ex=LIFETIME)
            pipe.set(self._id(prompt.id), prompt.job, ex=LIFETIME)
            pipe.zadd(self._index, {prompt.job: sent})
            pipe.expire(self._index, LIFETIME)
            pipe.zrange(self._index, 0, -MOST - 1)
            old = cast("list[bytes]", pipe.execute()[-1])
        self.forget([each.decode() for each in old])

    def forget(self, jobs: list[str]) -> None:
        """Have these in the history no more; the jobs stay."""
        if not jobs:
            return
        ids = [f"darkroom:comfyui:id:{self.owner}:{each.id}" for each in self._read(jobs)]
        with self.redis.pipeline() as pipe:
            pipe.zrem(self._index, *jobs)
            pipe.delete(*(self._key(each) for each in jobs), *ids)
            pipe.execute()

    def remaining(self) -> int:
        """How many have not ended."""
        return sum(status not in ENDED for status in self._statuses().values())

    def ended(self, which: slice) -> list[tuple[Prompt, JobRecord]]:
        """Some of those that have ended, the oldest first."""
        jobs = [job for job, status in self._statuses().items() if status in ENDED]
        return self._with_records(jobs[which])

    def unended(self) -> list[tuple[Prompt, JobRecord]]:
        """Those that have not ended, the oldest first."""
        return self._with_records(
            [job for job, status in self._statuses().items() if status not in ENDED]
        )

    def _statuses(self) -> dict[str, Status]:
        """How each job stands that is there, the oldest first: a record takes longer to read."""
        ids = cast("list[bytes]", self.redis.zrange(self._index, 0, -1))
        with self.redis.pipeline(transaction=False) as pipe:
            for each in ids:
                pipe.hget(Job.key_for(each.decode()), "status")
            found = cast("list[bytes | None]", pipe.execute())
        return {
            job.decode(): STATUSES.get(status.decode(), "queued")
            for job, status in zip(ids, found, strict=True)
            if status
        }

    def find(self, prompt_id: str) -> tuple[Prompt, JobRecord] | None:
        """The prompt of this id and its job."""
        job = cast("bytes | None", self.redis.get(self._id(prompt_id)))
        found = self._with_records([job.decode()]) if job else []
        return found[0] if found else None

    def of_job(self, job_id: str) -> Prompt | None:
        """The prompt that a job is of, if it came by this API and is remembered."""
        found = self._read([job_id])
        return found[0] if found else None

    def _with_records(self, jobs: list[str]) -> list[tuple[Prompt, JobRecord]]:
        prompts = self._read(jobs)
        records = read_many(self.redis, [each.job for each in prompts]) if prompts else []
        return [
            (prompt, record)
            for prompt, record in zip(prompts, records, strict=True)
            if record is not None and record.owner == self.owner
        ]

    def _read(self, jobs: list[str]) -> list[Prompt]:
        if not jobs:
            return []
        kept = cast("list[bytes | None]", self.redis.mget([self._key(each) for each in jobs]))
        found: list[Prompt] = []
        for each in kept:
            try:
                found += [Prompt.model_validate_json(each)] if each else []
            except ValidationError:
                continue
        return found


def current_prompts() -> Prompts:
    """The prompts of whoever sent this request."""
    return Prompts(resources().redis, caller().owner)


def id_of(job_id: str) -> str:
    """A prompt's id where the client has none of its own: the job's, as a UUID."""
    return str(uuid.UUID(hex=job_id))
