"""Pictures made in this process as a worker makes them: request, canvas, engine, picture.

Without queue and store; for what looks at pictures or measures them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from PIL import Image

from jobs.request.model_card import AddOn, ModelCard
from jobs.request.pictures import InputPicture
from jobs.request.request import GenerationRequest, ResolvedRequest
from jobs.request.resolve import resolve
from worker.canvas import Canvas, prepare, regions_on, shown
from worker.engine import (
    Control,
    Engine,
    ImageRequest,
    IPAdapter,
    LoadedModel,
    ReferenceOnly,
    Region,
)
from worker.engine.model_source import AddOnKind
from worker.engine.whole.pipeline import WholeModel
from worker.loop.slot import image_request
from worker.models.files.cards import card
from worker.models.loading.loader import load_model
from worker.models.tables import ModelEntry

PROMPTS = (
    "red apple",
    "cat face",
    "rocket",
    "green heart",
    "birthday cake",
    "sun",
    "tree",
    "house",
)
"""What the model that ships knows, for whoever needs several."""

Pixels = np.ndarray[Any, np.dtype[np.uint8]]
"""A picture in RGB, (height, width, 3)."""

SECTIONS: Mapping[AddOnKind, str] = {
    "lora": "loras",
    "controlnet": "controlnets",
    "ip-adapter": "ip_adapters",
    "upscaler": "upscalers",
}
"""Where a model's card lists what can be added to it."""


@dataclass(frozen=True, eq=False)
class Order:
    """One picture to be made: what was asked for, resolved, and its pictures made ready."""

    request: ResolvedRequest
    canvas: Canvas
    controls: tuple[Control, ...] = ()
    ip_adapters: tuple[IPAdapter, ...] = ()
    regions: tuple[Region, ...] = ()
    reference_only: ReferenceOnly | None = None

    def image_request(self) -> ImageRequest:
        """The order as the engine takes it."""
        asked = image_request(
            self.request.alone(0), self.canvas, self.controls, self.ip_adapters, self.regions
        )
        return replace(asked, reference_only=self.reference_only)


class Studio:
    """Loaded models with their cards and add-ons: a ModelSource, and engines to work with it."""

    def __init__(self, *entries: ModelEntry, device: str = "cpu") -> None:
        self.models: dict[str, LoadedModel | WholeModel] = {}
        self.cards: dict[str, ModelCard] = {}
        self.add_ons: dict[tuple[AddOnKind, str], Any] = {}
        for entry in entries:
            self.models[entry.name] = load_model(entry, torch.device(device))
            self.cards[entry.name] = card(entry)

    @property
    def card(self) -> ModelCard:
        """The card of the first model, which is the default one."""
        return next(iter(self.cards.values()))

    def get(self, name: str) -> LoadedModel | WholeModel:
        """A model by its name."""
        return self.models[name]

    def add_on(self, kind: AddOnKind, name: str, model: str) -> Any:
        """What can be added to a model, by its name."""
        return self.add_ons[kind, name]

    def offer(self, kind: AddOnKind, name: str, add_on: Any) -> None:
        """Offers something that can be added to every model here."""
        self.add_ons[kind, name] = add_on
        for model, listed in self.cards.items():
            field = SECTIONS[kind]
            add_ons = [*getattr(listed, field), AddOn(name=name)]
            self.cards[model] = listed.model_copy(update={field: add_ons})

    def order(self, pictures: Mapping[str, Image.Image] | None = None, **fields: Any) -> Order:
        """What a client would send, with its pictures by the JSON pointer of their fields.

        Raises jobs.request.request.InvalidRequest where the API would refuse it.
        """
        pictures = pictures or {}
        named = {pointer[1:]: pointer for pointer in pictures if pointer in ("/image", "/mask")}
        asked = GenerationRequest(**{"model": self.card.name, **named, **fields})
        request = resolve(
            asked,
            list(self.cards.values()),
            {pointer: InputPicture(pointer, *each.size) for pointer, each in pictures.items()},
        )
        canvas = prepare(
            request,
            pictures.get("/image"),
            pictures.get("/mask"),
            self.models[request.model].factor,
        )
        controls = tuple(
            shown.control(each, canvas, pictures[each.image], pictures.get(each.mask or ""))
            for each in request.controls
        )
        ip_adapters = tuple(
            shown.ip_adapter(
                each,
                canvas,
                [pictures[image] for image in each.images],
                pictures.get(each.mask or ""),
            )
            for each in request.ip_adapters
        )
        regions = regions_on(canvas, request, lambda mask: pictures[mask].convert("L"))
        like = request.reference_only
        seen = like and shown.reference_only(like, canvas, pictures[like.image])
        return Order(request, canvas, controls, ip_adapters, regions, seen)

    def develop(
        self, orders: Mapping[str, Order], engine: Engine | None = None
    ) -> dict[str, Pixels]:
        """The finished pictures of these orders, all made together in one engine.

        Raises the error of an order that fails.
        """
        # An engine that holds nothing is false.
        engine = Engine(self) if engine is None else engine
        for name, order in orders.items():
            engine.add(name, order.image_request())
        finished: dict[str, Pixels] = {}
        while not engine.idle:
            for done in engine.step():
                if done.error is not None or done.image is None:
                    raise done.error or RuntimeError(f"{done.task_id} has no picture.")
                finished[done.task_id] = orders[done.task_id].canvas.compose(done.image)
        return finished
