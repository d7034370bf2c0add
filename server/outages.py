"""Redis or the image store does not answer, or too many ask at once: 503, and come back."""

from __future__ import annotations

import logging
import re

from flask import Flask, Response
from redis.exceptions import (
    BusyLoadingError,
    ClusterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from jobs.connection import is_disk_full
from jobs.pictures.turns import Busy
from jobs.prompts.styles import BadStyles
from server.errors import Unavailable, respond, unforeseen

log = logging.getLogger(__name__)

REFUSALS = re.compile(r"\b(NOREPLICAS|MASTERDOWN|TRYAGAIN|READONLY)\b")
"""Words of a Redis that cannot write just now, in replies for which its client has no exception."""

PASSING = (
    BusyLoadingError,
    ClusterDownError,
    ReadOnlyError,
    RedisConnectionError,
    RedisTimeoutError,
)
"""What Redis raises for reasons that will pass: away, still loading, failing over."""


class RedisAway(Unavailable):
    """The caller gets 503: Redis does not answer."""

    def __init__(self) -> None:
        super().__init__("redis-unavailable", "the job queue does not answer just now")


class RedisFull(Unavailable):
    """The caller gets 503: Redis is at its memory limit. Jobs can be canceled and deleted."""

    def __init__(self) -> None:
        super().__init__(
            "redis-full",
            "the job queue's memory is full: nothing new is taken until jobs are deleted, or its "
            "owner gives Redis more",
        )


class RedisDiskFull(Unavailable):
    """The caller gets 503: Redis cannot write to its disk."""

    def __init__(self) -> None:
        super().__init__("redis-disk-full", "the job queue cannot write to its disk just now")


class StoreAway(Unavailable):
    """The caller gets 503: the image store does not answer."""

    def __init__(self) -> None:
        super().__init__("store-unavailable", "the picture store does not answer")


class PicturesBusy(Unavailable):
    """The caller gets 503: as many pictures as can be are being decoded or made smaller."""

    def __init__(self) -> None:
        super().__init__("too-many-pictures", "as many pictures as can be are worked on just now")


class StylesAway(Unavailable):
    """The caller gets 503: the file of styles cannot be read or written."""

    def __init__(self, why: str) -> None:
        super().__init__("styles-unavailable", why)


def init_app(app: Flask) -> None:
    """Answer every error of Redis that no view has caught, every picture that had no turn, and a
    file of styles that is none."""
    app.register_error_handler(RedisError, _redis_error)
    app.register_error_handler(Busy, _busy)
    app.register_error_handler(BadStyles, _bad_styles)


def _busy(error: Busy) -> Response:
    return respond(PicturesBusy())


def _bad_styles(error: BadStyles) -> Response:
    log.error("%s", error)
    return respond(StylesAway(str(error)))


def is_full(error: RedisError) -> bool:
    """Whether Redis refused a command because its memory is full."""
    # Of a command in a script Redis 6.2 says so in the middle of another error.
    return isinstance(error, OutOfMemoryError) or "OOM command not allowed" in str(error)


def _redis_error(error: RedisError) -> Response:
    if is_full(error):
        log.warning("Redis is at its memory limit: %s", error)
        return respond(RedisFull())
    if is_disk_full(error):
        log.warning("Redis cannot write to its disk: %s", error)
        return respond(RedisDiskFull())
    if isinstance(error, PASSING) or REFUSALS.search(str(error)):
        log.warning("Redis cannot: %s", error)
        return respond(RedisAway())
    return unforeseen(error)
