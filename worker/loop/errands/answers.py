"""What comes of an errand reaches who asked: what was done, or why not."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from jobs.additions import errands
from jobs.additions.errands import Errand, Refusal

log = logging.getLogger("darkroom.worker")


def answer(
    connection: Redis,
    errand: Errand,
    work: Callable[[Errand], dict[str, Any]],
    refusal_of: Callable[[Exception], Refusal | None],
) -> None:
    """Do the work and answer with it, or with the refusal that an error of it means.

    An error that `refusal_of` does not know is a fault of this server: it is logged, and who asked
    is told that something went wrong.
    """
    try:
        errands.answer(connection, errand, work(errand))
    except RedisError as error:
        log.error("who asked is not answered: %s", error)
    except Exception as error:
        refusal = error if isinstance(error, Refusal) else refusal_of(error)
        if refusal is None:
            log.exception("what was asked for went wrong")
            refusal = Refusal(500, "something went wrong; the worker's log says what")
        try:
            errands.refuse(connection, errand, refusal)
        except RedisError as away:
            log.error("who asked is not answered: %s", away)
