"""The models that can be asked for, and where each of them is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel, Field

from jobs.additions import previews
from jobs.additions.found import Kind
from jobs.queue import orders
from jobs.records.workers import State, WorkerInfo, furthest, live, offered_models
from jobs.request.fields.values import ENLARGED
from jobs.request.model_card import AddOn, ModelCard
from jobs.settings import settings
from server.door.auth import caller
from server.door.signing import current_signer
from server.openapi import PREFIX, Routes, answer
from server.resources import resources

routes = Routes("models", "What can be asked for.")

ADD_ONS: tuple[tuple[str, Kind], ...] = (
    ("loras", "lora"),
    ("embeddings", "embedding"),
    ("controlnets", "controlnet"),
    ("ip_adapters", "ip-adapter"),
    ("upscalers", "upscaler"),
    ("vaes", "vae"),
    ("face_restorers", "face-restorer"),
)

LIMITS = settings()


class Limits(BaseModel):
    """The most that one request may ask for."""

    max_width: int = LIMITS.max_size
    max_height: int = LIMITS.max_size
    max_pixels: int = Field(default=LIMITS.max_pixels, description="Width times height.")
    max_enlarged_size: int = Field(
        default=ENLARGED.side,
        description="Longest side of what is enlarged only: `upscale` with `strength` 0, by "
        "another upscaler than `latent`.",
    )
    max_enlarged_pixels: int = Field(
        default=ENLARGED.pixels, description="Width times height of what is enlarged only."
    )
    max_upload: int = Field(
        default=LIMITS.max_upload, description="Bytes of a picture that is sent."
    )
    max_picture_pixels: int = Field(
        default=LIMITS.max_picture_pixels,
        description="Width times height of a picture that is sent, and of one that is painted over "
        "on its masked area alone.",
    )
    max_steps: int = LIMITS.max_steps
    max_count: int = LIMITS.max_count


class ModelWorker(BaseModel):
    """A worker that offers the model."""

    name: str
    device: str
    state: State = Field(
        description="`warm` has it in memory, `loading` is on the way to, `cold` loads it for the "
        "first job."
    )
    loaded: float = Field(description="How much of it is in memory, 0 to 1.")
    backend: str = Field(
        description="What runs its network there: `torch`, or what was measured to be faster: "
        "`openvino` on a processor, `inductor` or `cuda-graphs` on a GPU. IP-Adapters and `exact` "
        "always run on PyTorch.",
        examples=["torch", "openvino", "inductor"],
    )


class ModelView(ModelCard):
    """A model, and how soon it can begin."""

    live: bool = Field(description="Whether a worker that is alive offers it.")
    warm: bool = Field(description="Whether a worker has it loaded.")
    state: State = Field(description="What it is on the worker that is furthest with it.")
    loaded: float = Field(description="How much of it that worker has in memory, 0 to 1.")
    pinned: bool = Field(description="Whether it is kept in memory.")
    limits: Limits = Field(default_factory=Limits)
    workers: list[ModelWorker] = Field(
        description="The workers alive that offer it; an admin sees them."
    )


class LeftAlone(BaseModel):
    """A model that a worker leaves alone."""

    model: str
    worker: str


class ModelList(BaseModel):
    """The models, the default one first."""

    models: list[ModelView]
    left_alone: list[LeftAlone] = Field(
        description="Models that a worker could offer and was told not to; an admin sees them."
    )
    problems: list[str] = Field(
        description="What lies on the workers' machines and cannot be offered, and why; an admin "
        "sees it."
    )


@routes.get("/models", {200: ModelList}, (503,))
def list_models() -> dict[str, Any]:
    """List models

    What the workers that are alive offer, or what the last ones did.
    """
    redis, shown = resources().redis, caller().is_admin
    workers = live(redis)
    pictures = previews.every(redis)
    cards = [_with_previews(card, pictures) for card in offered_models(redis)]
    pins = orders.wanted(redis).pins
    views = [_view(card, workers, pinned=card.name in pins, shown=shown) for card in cards]
    there = workers if shown else []
    left_alone = [
        LeftAlone(model=model, worker=worker.name)
        for worker in there
        for model in sorted(set(worker.known) - {card.name for card in worker.models})
    ]
    problems = list(dict.fromkeys(each for worker in there for each in worker.problems))
    return answer(ModelList(models=views, left_alone=left_alone, problems=problems))


def _with_previews(card: ModelCard, pictures: Mapping[str, str]) -> ModelCard:
    """The card with the URLs of its pictures and of its add-ons'."""
    if not pictures:
        return card

    def url(kind: Kind, name: str) -> str | None:
        image = pictures.get(previews.field(kind, name))
        return image and f"{PREFIX}/images/{image}?{current_signer().query(image)}"

    changed: dict[str, Any] = {"preview_url": url("model", card.name)}
    for section, kind in ADD_ONS:
        changed[section] = [
            each.model_copy(update={"preview_url": url(kind, each.name)})
            for each in cast("list[AddOn]", getattr(card, section))
        ]
    return card.model_copy(update=changed)


def _view(card: ModelCard, workers: list[WorkerInfo], *, pinned: bool, shown: bool) -> ModelView:
    offering = [
        worker for worker in workers if any(each.name == card.name for each in worker.models)
    ]
    best = furthest(worker.readiness(card.name) for worker in offering)
    return ModelView(
        **card.model_dump(),
        live=bool(offering),
        warm=best.state == "warm",
        state=best.state,
        loaded=best.loaded,
        pinned=pinned,
        workers=[_on(worker, card.name) for worker in offering] if shown else [],
    )


def _on(worker: WorkerInfo, model: str) -> ModelWorker:
    here = worker.readiness(model)
    return ModelWorker(
        name=worker.name,
        device=worker.device,
        state=here.state,
        loaded=here.loaded,
        backend=worker.compiled_by.get(model, "torch"),
    )
