"""What the server is doing: its queue, its workers, and which models are at hand."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from jobs.records import lanes
from jobs.records.workers import State, WorkerInfo, furthest, live, offered_models
from jobs.settings import settings
from server.door.auth import caller
from server.openapi import Routes, answer, server_version
from server.requests.reaching import reachable_base
from server.resources import resources

routes = Routes("state", "What the server is doing.")


class ModelState(BaseModel):
    """How soon a model can begin, on the worker that is furthest with it."""

    name: str
    state: State
    loaded: float = Field(description="How much of it is in memory, 0 to 1.")


class WorkerState(BaseModel):
    """A worker that is alive."""

    name: str
    device: str = Field(description="What it computes on, such as `cuda:0` or `cpu`.")
    running: int = Field(description="Jobs that it has under way.")
    capacity: int = Field(description="The most pictures that it works on at once.")
    jobs_per_second: float | None = Field(description="As measured; null where nothing was yet.")
    warm: list[str] = Field(description="The models that it has in memory.")


class ServerState(BaseModel):
    """What the server is doing now."""

    version: str
    address: str = Field(
        description="Where other devices reach this server, as the links that it makes begin."
    )
    door: Literal["closed", "open"] = Field(
        description="Whether devices have to be paired (`closed`), or everybody may (`open`)."
    )
    waiting: int = Field(description="Jobs that no worker has begun.")
    running: int = Field(description="Jobs that the workers have under way.")
    capacity: int = Field(
        description="The most pictures that all workers together work on at once."
    )
    jobs_per_second: float | None = Field(
        description="What all workers finish, as measured; null where nothing was yet."
    )
    alive: int = Field(description="Workers that are alive.")
    models: list[ModelState] = Field(description="The default one first.")
    workers: list[WorkerState] = Field(description="Those alive; an admin sees them.")


@routes.get("/state", {200: ServerState}, (503,))
def state() -> dict[str, Any]:
    """Say what the server is doing

    Figures of everybody's jobs together; none says whose they are.
    """
    redis, shown = resources().redis, caller().is_admin
    workers = live(redis)
    rates = [worker.jobs_per_second for worker in workers if worker.jobs_per_second]
    view = ServerState(
        version=server_version(),
        address=reachable_base(),
        door="open" if settings().open else "closed",
        waiting=sum(lanes.waiting(redis, lanes.lanes(redis)).values()),
        running=sum(worker.running for worker in workers),
        capacity=sum(worker.capacity for worker in workers),
        jobs_per_second=sum(rates) if rates else None,
        alive=len(workers),
        models=[_model(card.name, workers) for card in offered_models(redis)],
        workers=[_worker(worker) for worker in workers] if shown else [],
    )
    return answer(view)


def _model(name: str, workers: list[WorkerInfo]) -> ModelState:
    there = furthest(worker.readiness(name) for worker in workers)
    return ModelState(name=name, state=there.state, loaded=there.loaded)


def _worker(worker: WorkerInfo) -> WorkerState:
    fields = worker.model_dump(include=set(WorkerState.model_fields))
    return WorkerState(**fields)
