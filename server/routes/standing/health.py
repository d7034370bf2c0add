"""Health: whether this process lives, and whether a job could run now."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from jobs.records.workers import live
from jobs.settings import settings
from server.errors import Unavailable
from server.openapi import Routes, answer, server_version
from server.resources import resources

routes = Routes("health", "How the server is.")


class Health(BaseModel):
    """This process lives."""

    status: str
    version: str
    door: Literal["closed", "open"] = Field(
        description="Whether devices have to be paired (`closed`), or everybody may (`open`)."
    )


class Ready(BaseModel):
    """A job that is sent now will run."""

    status: str
    workers: int


@routes.get("/health", {200: Health})
def health() -> dict[str, Any]:
    """Whether the API lives

    It asks nobody else, so it is 200 while Redis is away.
    """
    door = "open" if settings().open else "closed"
    return answer(Health(status="ok", version=server_version(), door=door))


@routes.get("/ready", {200: Ready}, (503,))
def ready() -> dict[str, Any]:
    """Whether a job would run now

    503 names what is missing: Redis, or a worker.
    """
    workers = live(resources().redis)
    if not workers:
        raise Unavailable("no-worker", "no worker is alive; jobs are kept and wait for one")
    return answer(Ready(status="ready", workers=len(workers)))
