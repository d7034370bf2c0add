"""Idempotency-Key: the same answer to the same request for a day, after lost replies too."""

from __future__ import annotations

from hashlib import sha256
from typing import cast

from redis import Redis

MAX_KEY = 255
"""Characters of a key: a UUID has 36, a hash in hexadecimal 128."""

LIFETIME = 24 * 3600
"""Seconds a key is remembered."""


class KeyReused(Exception):
    """The caller gets 422: this key came before with another body."""


def job_id_for(connection: Redis, owner: str, key: str, body: bytes, new_id: str) -> str:
    """The job id that belongs to an owner's key: `new_id` the first time, that one ever after.

    The id is kept before the job exists, so a retry after a crash in between makes the job under
    the id that it would have had. Raises KeyReused if the key came with another body.
    """
    name, body_hash = _name(owner, key), sha256(body).hexdigest()
    earlier = None
    while earlier is None:  # once more where the key has expired between the two
        # Not with GET at once: Redis knows the two together from 7.0 on.
        if connection.set(name, f"{new_id}:{body_hash}", nx=True, ex=LIFETIME):
            return new_id
        earlier = cast("bytes | None", connection.get(name))
    job_id, earlier_hash = earlier.decode().split(":")
    if earlier_hash != body_hash:
        raise KeyReused("this Idempotency-Key was used with another body in the last 24 hours")
    return job_id


def forget(connection: Redis, owner: str, key: str) -> None:
    """Let an owner's key be used anew: the request that came with it was refused."""
    connection.delete(_name(owner, key))


def bury(pipe: Redis, job_id: str) -> None:
    """The job, or the grid, is deleted: a key that it came with makes it no second time."""
    pipe.set(_grave(job_id), 1, ex=LIFETIME)


def is_buried(connection: Redis, job_id: str) -> bool:
    """Whether the job of this id was there and was deleted, as long as a key may name it."""
    return bool(connection.exists(_grave(job_id)))


def _grave(job_id: str) -> str:
    return f"darkroom:deleted:{job_id}"


def _name(owner: str, key: str) -> str:
    return f"darkroom:idempotency:{owner}:{sha256(key.encode()).hexdigest()}"
