"""What the engine's tests share: a shelf of loaded models, and ways to run an engine dry."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline

from worker.engine import Engine, Finished, ImageRequest, LoadedModel, TextEncoder, UNetModel
from worker.engine.model_source import AddOnKind
from worker.engine.whole.pipeline import WholeModel

TINY = ImageRequest("tiny", "a red apple", "flat", 16, 16, 4, 5.0, 1, "ddim")


def tiny(**fields: Any) -> ImageRequest:
    """A request for the tiny model, with the given fields changed."""
    return replace(TINY, **fields)


class Shelf:
    """A ModelSource of models that are loaded already, or (None) still being loaded."""

    def __init__(self, *models: LoadedModel | WholeModel) -> None:
        self.models: dict[str, LoadedModel | WholeModel | None] = {
            model.name: model for model in models
        }
        self.add_ons: dict[tuple[AddOnKind, str], Any] = {}

    def get(self, name: str) -> LoadedModel | WholeModel | None:
        return self.models[name]

    def add_on(self, kind: AddOnKind, name: str, model: str) -> Any | None:
        return self.add_ons[kind, name]


def load(name: str, folder: Path) -> UNetModel:
    pipeline = open_pipeline(folder)
    return UNetModel(
        name=name,
        unet=pipeline.unet,
        vae=pipeline.vae,
        text_encoders=(TextEncoder(pipeline.tokenizer, pipeline.text_encoder),),
        scheduler_config=dict(pipeline.scheduler.config),
        device=torch.device("cpu"),
        dtype=torch.float32,
    )


def open_pipeline(folder: Path) -> StableDiffusionPipeline:
    pipeline = StableDiffusionPipeline.from_pretrained(folder, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def drain(engine: Engine) -> dict[str, Finished]:
    """Steps until nothing is held; fails rather than hang."""
    finished: dict[str, Finished] = {}
    for _ in range(2000):
        if engine.idle:
            return finished
        finished |= {one.task_id: one for one in engine.step()}
    raise AssertionError(f"{len(engine)} tasks never finished")


def pictures(engine: Engine, **requests: ImageRequest) -> dict[str, Finished]:
    for task_id, request in requests.items():
        engine.add(task_id, request)
    return drain(engine)


def picture(engine: Engine, request: ImageRequest) -> np.ndarray:
    done = pictures(engine, only=request)["only"]
    assert done.error is None, done.error
    assert done.image is not None
    return done.image


def difference(one: np.ndarray | None, other: np.ndarray | None) -> int:
    """The largest difference between two pictures, in levels of 255."""
    assert one is not None
    assert other is not None
    return int(np.abs(one.astype(int) - other.astype(int)).max())
