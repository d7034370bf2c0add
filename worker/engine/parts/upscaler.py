"""Upscalers: pictures made larger in pixels, by a network of the ESRGAN kind or by Lanczos."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from worker.engine.errors import NotFinite, OutOfMemory, say
from worker.engine.ground.transfer import sent
from worker.engine.memory.device import is_out_of_memory, release_memory
from worker.engine.request import Picture

TILE = 512
"""Side of what the network sees at once, in pixels of the small picture."""

LEAST_TILE = 64

OVERLAP = 32
"""How far two tiles reach into each other. At its edge a tile does not know what comes next, so
the outer quarter is not used; over the half in the middle one tile fades into the other."""

MOST_PASSES = 3
"""How often a network is applied where its own scale is too small, as in AUTOMATIC1111."""


@dataclass(frozen=True, eq=False)
class PixelUpscaler:
    """A network that makes pictures `scale` times as large.

    `module` takes (1, 3, h, w) in 0 to 1, in `dtype` on `device`, to (1, 3, h * scale, w * scale).
    `network` is what of it has layers, between which others have their turn.
    """

    name: str
    module: Callable[[torch.Tensor], torch.Tensor]
    scale: int
    device: torch.device
    dtype: torch.dtype
    network: torch.nn.Module | None = None

    def enlarge(self, picture: Picture, tile: int = TILE, width: int | None = None) -> Picture:
        """The picture `scale` times as large, tile by tile, so that memory does not depend on its
        size; with smaller tiles where memory ends. With a `width` it is brought to that as it is
        made, by Lanczos. Raises OutOfMemory, NotFinite."""
        while True:
            try:
                return self._in_tiles(picture, tile, width or picture.shape[1] * self.scale)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            # Outside the handler, whose traceback holds the tensors that took the memory.
            release_memory()
            tile //= 2
            if tile < LEAST_TILE:
                raise OutOfMemory(
                    say(
                        "upscaler-exceeds-memory",
                        "upscaler: {name} does not fit into memory even with tiles of {pixels}"
                        " pixels.",
                        name=self.name,
                        pixels=LEAST_TILE,
                    )
                )

    def enlarge_to(self, picture: Picture, width: int, height: int) -> Picture:
        """The picture at this size: by the network until it is large enough, then by Lanczos."""
        for left in reversed(range(MOST_PASSES)):
            if self.scale == 1 or (picture.shape[1] >= width and picture.shape[0] >= height):
                break
            sides = picture.shape[1] * self.scale, picture.shape[0] * self.scale
            last = not left or (sides[0] >= width and sides[1] >= height)
            # Lanczos goes along the rows first, and each row by itself: the result is the same.
            picture = self.enlarge(picture, width=width if last else None)
        return lanczos(picture, width, height)

    @torch.inference_mode()
    def _in_tiles(self, picture: Picture, tile: int, wanted: int) -> Picture:
        height, width = picture.shape[:2]
        enlarged = np.empty((height * self.scale, wanted, 3), np.uint8)
        across, down = list(self._spans(width, tile)), list(self._spans(height, tile))
        ends = [rows.start for rows, _ in down[1:]] + [height]
        # A row of tiles at a time: in full precision the whole would be four times as large.
        begun = np.zeros((0, width * self.scale, 3), np.float32)
        for (rows, down_weights), end in zip(down, ends, strict=True):
            band = np.zeros((len(down_weights), width * self.scale, 3), np.float32)
            band[: len(begun)] = begun
            for columns, across_weights in across:
                weights = np.outer(down_weights, across_weights)[..., None]
                band[:, self._scaled(columns)] += self._run(picture[rows, columns]) * weights
            done = (end - rows.start) * self.scale
            finished = band[:done]
            # In place, and no view of it is kept: it is the largest thing here.
            np.clip(finished, 0, 1, out=finished)
            finished *= 255
            np.rint(finished, out=finished)
            place = self._scaled(slice(rows.start, end))
            enlarged[place] = lanczos(finished.astype(np.uint8), wanted, done)
            begun = band[done:].copy()
            del band, finished
        return enlarged

    def _run(self, part: Picture) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        pixels = torch.from_numpy(np.ascontiguousarray(part)).permute(2, 0, 1)[None]
        here = sent(pixels, self.device).to(self.dtype)
        result = self.module(here / 255)[0].float().permute(1, 2, 0).cpu()
        if not result.isfinite().all():
            raise NotFinite(
                say(
                    "upscaler-not-finite",
                    "The upscaler {name} made NaN or infinity; a wider dtype would help.",
                    name=self.name,
                )
            )
        return result.numpy()

    def _scaled(self, span: slice) -> slice:
        return slice(span.start * self.scale, span.stop * self.scale)

    def _spans(
        self, length: int, tile: int
    ) -> Iterator[tuple[slice, np.ndarray[tuple[int], np.dtype[np.float32]]]]:
        """Where the tiles of one axis lie, with how much each counts at each enlarged pixel."""
        spans = list(tiles(length, tile))
        weights = [
            _ramps(span, self.scale, first=span.start == 0, last=span.stop == length)
            for span in spans
        ]
        total = np.zeros(length * self.scale, np.float32)
        for span, each in zip(spans, weights, strict=True):
            total[self._scaled(span)] += each
        for span, each in zip(spans, weights, strict=True):
            yield span, each / total[self._scaled(span)]


def tiles(length: int, tile: int) -> Iterator[slice]:
    """Spans of at most `tile` that cover `length` and reach into each other by OVERLAP or more."""
    start = 0
    while start + tile < length:
        yield slice(start, start + tile)
        start += tile - OVERLAP
    yield slice(max(0, length - tile), length)


def lanczos(picture: Picture, width: int, height: int) -> Picture:
    """The picture at another size, by Lanczos; itself where it has that size."""
    if picture.shape[:2] == (height, width):
        return picture
    resized = Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS)
    return np.array(resized)


def nearest(picture: Picture, width: int, height: int) -> Picture:
    """The picture at another size, each of its pixels a square."""
    resized = Image.fromarray(picture).resize((width, height), Image.Resampling.NEAREST)
    return np.array(resized)


def _ramps(
    span: slice, scale: int, *, first: bool, last: bool
) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """From 0 near a tile's edge to 1 inside it, and 1 up to the edge of the picture."""
    length = (span.stop - span.start) * scale
    from_edge = (np.arange(length, dtype=np.float32) + 0.5) / scale
    ramp = ((from_edge - OVERLAP / 4) / (OVERLAP / 2)).clip(0, 1)
    weights = np.ones(length, np.float32)
    if not first:
        weights = np.minimum(weights, ramp)
    if not last:
        weights = np.minimum(weights, ramp[::-1])
    return weights
