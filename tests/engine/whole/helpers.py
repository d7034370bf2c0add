"""What the tests of pipelines that run whole share: a tiny one of every kind, and their runs."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoPipelineForText2Image

from tests.tiny.pipelines.pipelines import (
    save_tiny_flux,
    save_tiny_lcm,
    save_tiny_pixart,
    save_tiny_qwen,
    save_tiny_sd3,
)
from worker.engine import ImageRequest
from worker.engine.whole.pipeline import WholeModel
from worker.engine.whole.run import WholeRun

REQUEST = ImageRequest("whole", "a red apple", "", 16, 16, 4, 5.0, 1, "default")
SIZES = {"sd3": 16, "flux": 16, "pixart": 256, "lcm": 16, "qwen": 16}
# How a user of diffusers asks for a guidance scale of 5.
GUIDED = {"qwen": {"true_cfg_scale": 5.0, "negative_prompt": " "}}
SAVERS: dict[str, Callable[[Path], Path]] = {
    "sd3": save_tiny_sd3,
    "flux": save_tiny_flux,
    "pixart": save_tiny_pixart,
    "lcm": save_tiny_lcm,
    "qwen": save_tiny_qwen,
}


def open_whole(folder: Path) -> Any:
    pipeline = AutoPipelineForText2Image.from_pretrained(
        folder, use_safetensors=True, local_files_only=True
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def whole(folder: Path, name: str = "whole") -> WholeModel:
    return WholeModel(name, open_whole(folder), torch.device("cpu"), torch.float32)


def asked(kind: str, **fields: Any) -> ImageRequest:
    return replace(REQUEST, width=SIZES[kind], height=SIZES[kind], **fields)


def finish(run: WholeRun) -> WholeRun:
    for _ in range(200):
        if run.done:
            return run
        run.advance()
    raise AssertionError("the run never ended")


def developed(model: WholeModel, request: ImageRequest) -> np.ndarray:
    run = finish(WholeRun(model, request))
    assert run.error is None, run.error
    assert run.image is not None
    return run.image


def directly(pipeline: Any, size: int = 16, **arguments: Any) -> np.ndarray:
    """What a user of diffusers gets."""
    made = pipeline(
        "a red apple",
        width=size,
        height=size,
        num_inference_steps=4,
        generator=torch.Generator().manual_seed(1),
        **arguments,
    )
    return np.asarray(made.images[0])


def raising(error: Exception) -> Callable[..., None]:
    def hook(*_: Any) -> None:
        raise error

    return hook
