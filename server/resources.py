"""What the views work with: one Redis client, one image store, one hub for each process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app
from redis import Redis

from jobs.connection import connect
from jobs.pictures.image_store import ImageStore
from jobs.settings import settings
from server.door.signing import Signer
from server.pages.renditions import Renditions
from server.streams.hub import Hub

EXTENSION = "darkroom"


@dataclass(frozen=True)
class Resources:
    """All that outlives a request."""

    redis: Redis
    store: ImageStore
    hub: Hub
    signer: Signer
    renditions: Renditions

    def close(self) -> None:
        """Say farewell to every client and let go of every connection."""
        self.hub.close()
        self.redis.close()


def init_app(app: Flask, redis_url: str | None, image_store: str | None) -> None:
    """Give the application its resources. Threads start with the first client that needs them."""
    app.extensions[EXTENSION] = make(redis_url, image_store)


def make(redis_url: str | None, image_store: str | None) -> Resources:
    """The resources of a process, connected when they are first used."""
    redis = connect(redis_url)
    store = ImageStore(image_store)
    return Resources(
        redis=redis,
        store=store,
        hub=Hub(redis_url, settings().sse_clients, settings().sse_clients_per_caller),
        signer=Signer(redis, settings().url_lifetime),
        renditions=Renditions(store),
    )


def of(app: Flask) -> Resources:
    """The resources of an application."""
    return cast("Resources", app.extensions[EXTENSION])


def resources() -> Resources:
    """The resources of the application that serves this request."""
    return of(current_app)
