"""What an engine is shown beside the canvas: the pictures of ControlNets and IP-Adapters."""

from collections.abc import Callable, Sequence
from typing import get_args

import numpy as np
from PIL import Image

from jobs.pictures.preprocess import preprocess
from jobs.request.fields import parts
from jobs.request.fields.values import ControlType, is_built_in
from worker.canvas.canvas import Canvas
from worker.engine.request import Control, IPAdapter, Picture, ReferenceOnly

TYPES: tuple[str, ...] = get_args(ControlType)
"""As ControlNets of several kinds count them."""


Map = Callable[[str, Picture], Picture]
"""What a preprocessor with weights of its own, by its name, makes of a picture."""


def control(
    asked: parts.Control,
    canvas: Canvas,
    image: Image.Image,
    mask: Image.Image | None = None,
    by_model: Map | None = None,
) -> Control:
    """A ControlNet as the engine takes it, with its picture (RGB) made into what it reads and its
    mask (L), both on the canvas. `by_model` is asked for what needs no thresholds but weights."""
    fitted = canvas.fit_control(image)
    name = asked.preprocessor
    if is_built_in(name):
        read = preprocess(name, fitted, asked.threshold_a, asked.threshold_b)
    elif by_model is None:
        raise ValueError(f"no preprocessor is named {name!r}")
    else:
        read = np.ascontiguousarray(by_model(name, fitted))
    return Control(
        name=asked.model,
        image=read,
        weight=asked.weight,
        start=asked.start,
        end=asked.end,
        control_mode=asked.control_mode,
        control_type=None if asked.control_type is None else TYPES.index(asked.control_type),
        mask=None if mask is None else canvas.fit_mask(mask),
    )


def reference_only(asked: parts.ReferenceOnly, canvas: Canvas, image: Image.Image) -> ReferenceOnly:
    """What a picture looks at as at itself, as the engine takes it: on the canvas."""
    how = asked.model_dump(exclude={"image"})
    return ReferenceOnly(np.array(canvas.fit_control(image)), **how)


def ip_adapter(
    asked: parts.IPAdapter,
    canvas: Canvas,
    images: Sequence[Image.Image],
    mask: Image.Image | None = None,
) -> IPAdapter:
    """An IP-Adapter as the engine takes it, with its pictures (RGB) as they are and its mask (L) on
    the canvas."""
    return IPAdapter(
        name=asked.model,
        images=tuple(map(np.array, images)),
        weight=asked.weight,
        start=asked.start,
        end=asked.end,
        mask=None if mask is None else canvas.fit_mask(mask),
    )
