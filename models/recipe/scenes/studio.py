"""Scenes to pictures: the art laid on a white canvas."""

import random

import numpy as np
import torch
from PIL import Image

from .colours import paint
from .scene import Scene
from .things import Thing

# Places (left, top) of half-size tiles on a canvas of side 1, for pairs and numbers. They fall on
# quarters, and so on whole cells of the U-Net's coarsest grid: what it learns of a small thing in
# one place holds in all of them.
BESIDE = ((0.0, 0.25), (0.5, 0.25))
ABOVE = ((0.25, 0.0), (0.25, 0.5))
DIAGONAL = ((0.0, 0.0), (0.5, 0.5))
PYRAMID = ((0.25, 0.0), (0.0, 0.5), (0.5, 0.5))
SQUARE = ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.5, 0.5))
NUMBERED = {2: (BESIDE, BESIDE, DIAGONAL), 3: (PYRAMID,), 4: (SQUARE,)}
MARGIN = 0.05  # of a half-size tile's side: neighbours stay apart


class Studio:
    """The art and the canvas. `free` scenes are flipped, shifted and scaled at random."""

    def __init__(self, art: torch.Tensor, things: list[Thing], size: int, free: bool):
        self.art, self.things, self.size, self.free = art, things, size, free

    def picture(self, scene: Scene, rng: random.Random) -> np.ndarray:
        """The scene, uint8 RGB [size, size, 3]."""
        return np.asarray(self._laid("white", scene, rng).convert("RGB"))

    def cut(self, scene: Scene, rng: random.Random) -> np.ndarray:
        """The scene on nothing, uint8 RGBA [size, size, 4]."""
        return np.asarray(self._laid((0, 0, 0, 0), scene, rng))

    def tile(self, index: int, colour: str | None, flip: bool) -> Image.Image:
        """A thing in its own square, painted."""
        art = np.asarray(self.art[index])
        picture = Image.fromarray(paint(art, colour) if colour else art, "RGBA")
        return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if flip else picture

    def small(self, index: int) -> Image.Image:
        """A thing by itself, at half the canvas."""
        canvas = Image.new("RGBA", (self.size, self.size), "white")
        quarter, half = self.size // 4, self.size // 2
        self._fit(canvas, self.tile(index, None, flip=False), (quarter, quarter), half)
        return canvas.convert("RGB")

    def _laid(self, ground: str | tuple[int, ...], scene: Scene, rng: random.Random) -> Image.Image:
        canvas = Image.new("RGBA", (self.size, self.size), ground)
        if scene.number == 1 and not scene.relation:
            self._one(canvas, scene, rng)
        else:
            self._several(canvas, scene, rng)
        return canvas

    def _one(self, canvas: Image.Image, scene: Scene, rng: random.Random) -> None:
        ((index, colour),) = scene.parts
        tile = self.tile(index, colour, flip=rng.random() < 0.5)
        side = round(self.size * scene.scale)
        free = self.size - side
        if not self.free:  # a half-size one sits on a quarter of the canvas, as in pairs
            step = self.size // (8 if scene.scale > 0.5 else 4)
            x, y = (step * rng.randint(0, free // step) for _ in range(2))
            if scene.scale < 1:
                self._fit(canvas, tile, (x, y), side)
            else:
                canvas.alpha_composite(tile.resize((side, side), Image.Resampling.LANCZOS))
            return
        x, y = (round(free * rng.random()) for _ in range(2))
        canvas.alpha_composite(tile.resize((side, side), Image.Resampling.LANCZOS), (x, y))

    def _several(self, canvas: Image.Image, scene: Scene, rng: random.Random) -> None:
        if scene.number > 1:
            places = rng.choice(NUMBERED[scene.number])
        else:
            places = BESIDE if scene.relation == "beside" else ABOVE
        parts = scene.parts * scene.number
        flip = self.free and rng.random() < 0.5
        shift = (0.0, 0.0)
        if self.free:
            shift = (rng.uniform(-0.04, 0.04), rng.uniform(-0.04, 0.04))
        for (x, y), (index, colour) in zip(places, parts, strict=True):
            left, top = (
                min(max(0, round(self.size * (a + b))), self.size // 2)
                for a, b in zip((x, y), shift, strict=True)
            )
            side = self.size // 2
            self._fit(canvas, self.tile(index, colour, flip), (left, top), side)

    def _fit(
        self, canvas: Image.Image, tile: Image.Image, corner: tuple[int, int], side: int
    ) -> None:
        """Lay what is not transparent of a tile into a square, as large as fits, in its middle."""
        box = tile.getchannel("A").point(lambda alpha: 255 * (alpha > 8)).getbbox()
        if box is None:
            return
        cut = tile.crop(box)
        scale = side * (1 - 2 * MARGIN) / max(cut.size)
        width, height = (max(1, round(scale * length)) for length in cut.size)
        cut = cut.resize((width, height), Image.Resampling.LANCZOS)
        place = (corner[0] + (side - width) // 2, corner[1] + (side - height) // 2)
        canvas.alpha_composite(cut, place)
