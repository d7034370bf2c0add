"""Quotas of single users, where an admin set them: they go before the server's settings."""

from __future__ import annotations

from typing import cast

from pydantic import BaseModel, ConfigDict, Field
from redis import Redis

from jobs.lists import standing

OWN = "darkroom:quota:own"
"""Hash: whom limits count -> `OwnQuota` as JSON."""

LOOK = """
-- KEYS[1] jobs that have not ended, KEYS[2] quotas of single users; ARGV[1] whose
return {redis.call('ZCARD', KEYS[1]), redis.call('HGET', KEYS[2], ARGV[1])}
"""


class OwnQuota(BaseModel):
    """How much one user may have; null is what the server's settings say, 0 no limit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    queued: int | None = Field(
        default=None,
        ge=0,
        le=1_000_000,
        description="Waiting jobs; the setting is QUEUED_PER_CALLER.",
    )
    pictures_in_flight: int | None = Field(
        default=None, ge=0, le=1_000_000, description="Unfinished pictures; PICTURES_IN_FLIGHT."
    )
    pictures_per_day: int | None = Field(
        default=None, ge=0, le=1_000_000, description="Pictures in a day; PICTURES_PER_DAY."
    )


NONE = OwnQuota()


def look(connection: Redis, account: str) -> tuple[int, OwnQuota]:
    """How many jobs have not ended, and this account's quota, in one command."""
    reply = connection.eval(LOOK, 2, standing.OPEN, OWN, account)
    jobs, own = cast("tuple[int, bytes | None]", reply)
    return jobs, _read(own)


def get(connection: Redis, account: str) -> OwnQuota:
    """The quota that was set for an account."""
    return _read(cast("bytes | None", connection.hget(OWN, account)))


def every(connection: Redis) -> dict[str, OwnQuota]:
    """All that were set, by whose they are."""
    found = cast("dict[bytes, bytes]", connection.hgetall(OWN))
    return {account.decode(): _read(own) for account, own in found.items()}


def put(connection: Redis, account: str, own: OwnQuota) -> None:
    """Set an account's quota; one that says nothing is forgotten."""
    if own == NONE:
        connection.hdel(OWN, account)
    else:
        connection.hset(OWN, account, own.model_dump_json())


def _read(own: bytes | None) -> OwnQuota:
    return OwnQuota.model_validate_json(own) if own else NONE
