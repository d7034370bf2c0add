"""What can be asked for: models and samplers."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from jobs.models import ModelCard
from jobs.samplers import SAMPLERS
from jobs.workers import live, offered_models
from server.openapi import Routes, answer
from server.resources import resources

routes = Routes("models", "What can be asked for.")


class ModelView(ModelCard):
    """A model, and how soon it can begin."""

    live: bool = Field(description="Whether a worker that is alive offers it.")
    warm: bool = Field(description="Whether a worker has it loaded.")


class ModelList(BaseModel):
    """The models, the default one first."""

    models: list[ModelView]


class SamplerView(BaseModel):
    """A sampler by its name, and what AUTOMATIC1111 calls it."""

    name: str
    title: str
    schedule: str
    aliases: list[str]


class SamplerList(BaseModel):
    """The samplers."""

    samplers: list[SamplerView]


@routes.get("/models", {200: ModelList}, (503,))
def list_models() -> dict[str, Any]:
    """List models

    What the workers that are alive offer, or what the last ones did.
    """
    redis = resources().redis
    workers = live(redis)
    offered = {card.name for worker in workers for card in worker.models}
    warm = {name for worker in workers for name in worker.warm}
    models = [
        ModelView(**card.model_dump(), live=card.name in offered, warm=card.name in warm)
        for card in offered_models(redis)
    ]
    return answer(ModelList(models=models))


@routes.get("/samplers", {200: SamplerList})
def list_samplers() -> dict[str, Any]:
    """List samplers"""
    samplers = [
        SamplerView(
            name=info.name, title=info.title, schedule=info.schedule, aliases=list(info.aliases)
        )
        for info in SAMPLERS.values()
    ]
    return answer(SamplerList(samplers=samplers))
