"""What every room may work with: Redis, the image store, and whether the server is leaving.

A room that keeps more for as long as the process lives has an `init_app` that keeps it, and a
function that gives it to whoever serves a request.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Event
from typing import cast

from flask import Flask, current_app
from redis import Redis

from jobs.connection import connect
from jobs.pictures.image_store import ImageStore
from jobs.settings import settings

EXTENSION = "darkroom"


@dataclass(frozen=True)
class Resources:
    """All that outlives a request and belongs to no room."""

    redis: Redis
    store: ImageStore
    leaving: Event = field(default_factory=Event)
    """Set once the process was told to stop: whoever holds a client sends it away."""
    _to_close: ExitStack = field(default_factory=ExitStack)

    def at_close(self, close: Callable[[], None]) -> None:
        """Have this called when the application is closed: what was kept last goes first."""
        self._to_close.callback(close)

    def close(self) -> None:
        """Say farewell to every client and let go of every connection."""
        self.leaving.set()
        self._to_close.close()


def init_app(app: Flask, redis_url: str | None, image_store: str | None) -> None:
    """Give the application its resources, connected when they are first used."""
    redis = connect(redis_url, connections=settings().api_connections)
    made = Resources(redis, ImageStore(image_store))
    # Not those in use: who waits for an answer at the very end is to get it, and no broken socket.
    made.at_close(lambda: redis.connection_pool.disconnect(inuse_connections=False))
    app.extensions[EXTENSION] = made


def of(app: Flask) -> Resources:
    """The resources of an application."""
    return cast("Resources", app.extensions[EXTENSION])


def resources() -> Resources:
    """The resources of the application that serves this request."""
    return of(current_app)
