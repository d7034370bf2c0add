"""What a picture's file costs a processor: PNG as we write it beside Pillow's, and renditions."""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from server.pages.renditions import render
from worker.canvas.png import plain_png

SIDES = (512, 1024)


def drawn(side: int) -> np.ndarray:
    """Something like a picture: forms of several sizes and a little noise."""
    dice = np.random.default_rng(0)
    made = np.full((side, side, 3), 128.0)
    for size, weight in ((8, 60), (32, 25), (128, 10)):
        small = dice.normal(128, 40, (size, size, 3)).clip(0, 255).astype(np.uint8)
        large = Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC)
        made += (np.asarray(large, float) - 128) * weight / 40
    soft = Image.fromarray(made.clip(0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(1))
    return (np.asarray(soft, np.int16) + dice.integers(-3, 4, made.shape)).clip(0, 255).astype("u1")


def used(work: Callable[[], object], times: int) -> float:
    """Milliseconds of the processor that a piece of work takes, as a median."""
    took: list[float] = []
    for _ in range(times):
        began = time.thread_time()
        work()
        took.append(1000 * (time.thread_time() - began))
    return round(statistics.median(took), 2)


def pictures(times: int, sides: Sequence[int] = SIDES) -> dict[str, Any]:
    """PNG and renditions, in milliseconds of the processor."""
    found: dict[str, Any] = {}
    for side in sides:
        picture = drawn(side)
        png, theirs = plain_png(picture), io.BytesIO()

        def pillow(picture: np.ndarray = picture, out: io.BytesIO = theirs) -> None:
            out.seek(0)
            Image.fromarray(picture).save(out, "PNG", compress_level=1)

        found[str(side)] = {
            "png_ms": used(lambda p=picture: plain_png(p), times),
            "pillow_ms": used(pillow, times),
            "png_kb": len(png) // 1000,
            "pillow_kb": len(theirs.getvalue()) // 1000,
            "webp_ms": used(lambda p=png: render(p, "webp", None), times),
            "webp_384_ms": used(lambda p=png: render(p, "webp", 384), times),
            "jpeg_384_ms": used(lambda p=png: render(p, "jpeg", 384), times),
        }
    return found
