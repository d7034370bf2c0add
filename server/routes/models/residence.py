"""Which models are in memory and which worker offers them, as an admin wants it."""

from __future__ import annotations

from typing import Literal

from flask import Response
from pydantic import BaseModel, Field
from redis import Redis

from jobs.queue import orders
from jobs.records import workers
from jobs.records.workers import WorkerInfo
from jobs.sentences import say
from server.door.auth import require_admin
from server.errors import ApiError
from server.openapi import Routes, response
from server.resources import resources

routes = Routes("residence", "Which models are in memory, and on which workers.")


class ModelPath(BaseModel):
    """A model in the path."""

    model: str = Field(description="Name of the model.")


class SeatPath(ModelPath):
    """A model and a worker in the path."""

    worker: str = Field(description="Name of the worker.")


class Told(BaseModel):
    """The workers that were told; `GET /models` says how far each is."""

    workers: list[str]


@routes.post("/models/<model>/load", {200: Told}, (403, 404, 503))
def load_model(path: ModelPath) -> Response:
    """Load a model

    Every worker that offers it brings it into memory, before a job asks for it. An admin may.
    """
    return _order("load", path.model)


@routes.post("/models/<model>/unload", {200: Told}, (403, 404, 409, 503))
def unload_model(path: ModelPath) -> Response:
    """Unload a model

    Every worker takes it out of memory once no picture needs it. The next job loads it again. An
    admin may.
    """
    return _order("unload", path.model)


@routes.put("/models/<model>/pin", {204: None}, (403, 404, 503))
def pin_model(path: ModelPath) -> Response:
    """Pin a model

    Every worker that offers it brings it into memory and keeps it there, also over a restart: no
    other model takes its room. An admin may.
    """
    return _pin(path.model, keep=True)


@routes.delete("/models/<model>/pin", {204: None}, (403, 404, 503))
def unpin_model(path: ModelPath) -> Response:
    """Unpin a model

    It stays in memory until something else needs the room. An admin may.
    """
    return _pin(path.model, keep=False)


@routes.put("/models/<model>/workers/<worker>", {204: None}, (403, 404, 503))
def put_on_worker(path: SeatPath) -> Response:
    """Put a model on a worker

    The workers on this one's machine and device offer it again. An admin may.
    """
    return _put(path, on=True)


@routes.delete("/models/<model>/workers/<worker>", {204: None}, (403, 404, 503))
def take_off_worker(path: SeatPath) -> Response:
    """Take a model off a worker

    The workers on this one's machine and device leave it alone from now on, also after a restart;
    what they have begun they finish. Jobs wait for a worker that offers it. An admin may.
    """
    return _put(path, on=False)


def _order(action: Literal["load", "unload"], model: str) -> Response:
    require_admin()
    redis = resources().redis
    offering = _offering(redis, model)
    if action == "unload" and model in orders.wanted(redis).pins:
        raise ApiError(409, "pinned", say("pinned", "{name} is pinned; unpin it first", name=model))
    orders.order(redis, offering, action, model)
    return response(Told(workers=[worker.name for worker in offering]), 200)


def _pin(model: str, *, keep: bool) -> Response:
    require_admin()
    redis = resources().redis
    if keep:
        _offering(redis, model)
    orders.pin(redis, model, keep=keep)
    return Response(status=204)


def _put(path: SeatPath, *, on: bool) -> Response:
    require_admin()
    redis = resources().redis
    worker = next((each for each in workers.live(redis) if each.name == path.worker), None)
    if worker is None:
        raise ApiError(404, "not-found", f"there is no worker {path.worker[:64]!r}")
    if path.model not in worker.known:
        raise ApiError(404, "not-found", f"{worker.name} knows no model {path.model[:64]!r}")
    orders.put(redis, path.model, worker, on=on)
    return Response(status=204)


def _offering(redis: Redis, model: str) -> list[WorkerInfo]:
    live = workers.live(redis)
    found = [each for each in live if any(card.name == model for card in each.models)]
    if not found:
        raise ApiError(404, "not-found", f"no worker offers a model {model[:64]!r}")
    return found
