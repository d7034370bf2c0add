"""Idempotency-Key: the same answer to the same request for a day, after lost replies too."""

from __future__ import annotations

from hashlib import sha256
from typing import cast

from redis import Redis

LIFETIME = 24 * 3600
"""Seconds a key is remembered."""


class KeyReused(Exception):
    """The caller gets 422: this key came before with another body."""


def job_id_for(connection: Redis, owner: str, key: str, body: bytes, new_id: str) -> str:
    """The job id that belongs to an owner's key: `new_id` the first time, that one ever after.

    The id is kept before the job exists, so a retry after a crash in between makes the job under
    the id that it would have had. Raises KeyReused if the key came with another body.
    """
    name = _name(owner, key)
    value = f"{new_id}:{sha256(body).hexdigest()}"
    earlier = cast("bytes | None", connection.set(name, value, nx=True, get=True, ex=LIFETIME))
    if earlier is None:
        return new_id
    job_id, body_hash = earlier.decode().split(":")
    if body_hash != sha256(body).hexdigest():
        raise KeyReused("this Idempotency-Key was used with another body in the last 24 hours")
    return job_id


def forget(connection: Redis, owner: str, key: str) -> None:
    """Let an owner's key be used anew: the request that came with it was refused."""
    connection.delete(_name(owner, key))


def _name(owner: str, key: str) -> str:
    return f"darkroom:idempotency:{owner}:{sha256(key.encode()).hexdigest()}"
