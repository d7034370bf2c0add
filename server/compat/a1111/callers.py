"""Who is who to this API, which has no job ids: what a caller has under way, and has set.

AUTOMATIC1111 has one progress and one set of options for all. Here each caller has their own: a
device, and on one device each user name that was sent by HTTP Basic.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from flask import request
from pydantic import BaseModel, Field, ValidationError
from redis import Redis
from redis.exceptions import RedisError

from jobs.connection import now
from jobs.records.events import ENDED
from jobs.records.record import JobRecord, read_many
from jobs.request.model_card import ModelCard
from server.door.auth import caller
from server.resources import resources

UNDER_WAY_TTL = 24 * 3600
"""Seconds after the last job for which a caller's list is kept."""

OPTIONS_TTL = 30 * 24 * 3600
"""Seconds after which options that nobody set again are forgotten."""

NOT_YET = 60.0
"""Seconds between a job's id and its record at most: pictures are decoded and stored meanwhile."""


class Options(BaseModel):
    """What a caller has set of AUTOMATIC1111's options.

    `others` mean nothing here, and are there to be read back.
    """

    model: str | None = None
    clip_skip: int | None = None
    vae: str | None = None
    samples_format: str | None = None
    others: dict[str, Any] = Field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Identity:
    """One caller of this API."""

    redis: Redis
    name: str

    @property
    def _jobs(self) -> str:
        """Key of a sorted set: ids of jobs that have not ended, by when they were sent."""
        return f"darkroom:a1111:jobs:{self.name}"

    @property
    def _options(self) -> str:
        """Key of the options, as JSON."""
        return f"darkroom:a1111:options:{self.name}"

    def begins(self, job_id: str) -> None:
        """A job is about to be sent."""
        sent = now(self.redis)
        with self.redis.pipeline() as pipe:
            pipe.zadd(self._jobs, {job_id: sent})
            pipe.expire(self._jobs, UNDER_WAY_TTL)
            pipe.execute()

    def forget(self, job_id: str) -> None:
        """The job has ended, or was never taken."""
        with suppress(RedisError):  # it is found to have ended when it is looked for
            self.redis.zrem(self._jobs, job_id)

    def current_job(self) -> JobRecord | None:
        """The job that is being made, the oldest of several; else the one that waits longest."""
        reply = self.redis.zrange(self._jobs, 0, -1, withscores=True)
        sent = cast("list[tuple[bytes, float]]", reply)
        ids = [job_id.decode() for job_id, _ in sent]
        waiting: JobRecord | None = None
        for record, (job_id, since) in zip(read_many(self.redis, ids), sent, strict=True):
            if record is None or record.status in ENDED:
                if record is not None or now(self.redis) - since > NOT_YET:
                    self.redis.zrem(self._jobs, job_id)
            elif record.status == "running":
                return record
            else:
                waiting = waiting or record
        return waiting

    def options(self) -> Options:
        """What this caller has set."""
        kept = cast("bytes | None", self.redis.get(self._options))
        try:
            return Options.model_validate_json(kept) if kept else Options()
        except ValidationError:
            return Options()

    def set_options(self, options: Options) -> None:
        """Keep what this caller has set."""
        self.redis.set(self._options, options.model_dump_json(exclude_none=True), ex=OPTIONS_TTL)


def identity() -> Identity:
    """The caller of this request."""
    given = request.authorization
    user = (given.username or "") if given is not None and given.type == "basic" else ""
    # A key of one length, whatever was sent as a name.
    name = hashlib.sha256(f"{caller().lane}\n{user}".encode()).hexdigest()[:32]
    return Identity(resources().redis, name)


def chosen_model(options: Options, cards: list[ModelCard]) -> ModelCard:
    """The model that a caller has chosen, if it is still offered; else the default."""
    chosen = next((card for card in cards if card.name == options.model), None)
    return chosen or next((card for card in cards if card.default), cards[0])
