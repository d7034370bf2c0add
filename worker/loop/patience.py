"""Waiting for a Redis that is away, still loading or full: no reason for a worker to die."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from redis.exceptions import RedisError

log = logging.getLogger("darkroom.worker")

EVERY = 1.0
"""Seconds between two tries."""

Result = TypeVar("Result")


def patiently(action: Callable[[], Result]) -> Result:
    """What an action on Redis returns once Redis lets it, however long that takes.

    The reason is said in the log each time that it is another one. The action must be one that can
    be done again where its answer was lost.
    """
    said = ""
    while True:
        try:
            return action()
        except RedisError as error:
            if str(error) != said:
                said = str(error)
                log.warning("waiting for Redis: %s", said)
            time.sleep(EVERY)
