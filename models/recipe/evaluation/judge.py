"""What a picture shows, told without a learned judge.

A picture on white is cut into its connected parts. Each part is brought to one size and compared,
in the autoencoder's latent space, with every training picture of a style, brought to that size in
the same way and taken as it is or mirrored. For things in other colours the comparison is in grey,
with the brightness evened out.
"""

from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderKL
from PIL import Image
from scipy import ndimage

from .. import autoencoder
from ..scenes.things import Thing

LEAST = 0.015  # of the picture; what is smaller is a speck and no part
SIDE = 116  # pixels of the longer side of what is compared, on a canvas of 128
NEAR = 5


def background(pixels: np.ndarray) -> np.ndarray:
    """Where a picture, uint8 [S, S, 3], is white or nearly so."""
    return pixels.min(-1) >= 225


def parts_of(pixels: np.ndarray) -> list[np.ndarray]:
    """Masks of the connected parts of a picture, uint8 [S, S, 3], largest first."""
    solid = ndimage.binary_opening(~background(pixels))
    labels = np.empty(solid.shape, np.int32)
    number = ndimage.label(solid, np.ones((3, 3)), labels)
    parts = [labels == label for label in range(1, number + 1)]
    return sorted((p for p in parts if p.mean() > LEAST), key=lambda part: -part.sum())


def cut(pixels: np.ndarray, part: np.ndarray | None = None, grey: bool = False) -> np.ndarray:
    """One part of a picture, or all that is not white, brought to one size on white."""
    pixels = pixels.copy()
    if part is None:
        solid = ~background(pixels)
    else:
        solid = ndimage.binary_dilation(part, iterations=2)
        pixels[~solid] = 255
    rows, columns = np.where(solid.any(1))[0], np.where(solid.any(0))[0]
    out = Image.new("RGB", (128, 128), "white")
    if len(rows) < 3 or len(columns) < 3:
        return np.asarray(out)
    if grey:
        pixels = without_colour(pixels, solid)
    box = Image.fromarray(pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    scale = SIDE / max(box.size)
    width, height = (max(1, round(scale * length)) for length in box.size)
    box = box.resize((width, height), Image.Resampling.BICUBIC)
    out.paste(box, ((128 - width) // 2, (128 - height) // 2))
    return np.asarray(out)


def without_colour(pixels: np.ndarray, solid: np.ndarray) -> np.ndarray:
    """A picture in grey, with the same mean and spread of brightness whatever its colour was."""
    light = pixels @ np.array([0.299, 0.587, 0.114])
    inside = light[solid]
    evened = 120 + 45 * (light - inside.mean()) / max(4.0, float(inside.std()))
    evened = np.where(solid, evened.clip(0, 235), 255)
    return np.repeat(evened.round().astype(np.uint8)[..., None], 3, -1)


@dataclass
class Judge:
    """Names what is on pictures by the nearest training pictures of one style."""

    vae: AutoencoderKL
    things: list[Thing]  # those of the style, in the order of `known`
    known: torch.Tensor  # flat latents [N, 4 h w]
    known_grey: torch.Tensor

    @classmethod
    def learn(
        cls, vae: AutoencoderKL, pixels: torch.Tensor, things: list[Thing], style: str = "3d"
    ) -> "Judge":
        """A judge that knows the training pictures, uint8 [N, 3, S, S], of a style."""
        own = [thing for thing in things if thing.style == style]
        shown = [as_array(pixels[thing.index]) for thing in own]
        return cls(
            vae,
            own,
            *(
                latents(vae, [cut(picture, grey=grey) for picture in shown])
                for grey in (False, True)
            ),
        )

    def nearest(self, cuts: list[np.ndarray], grey: bool = False) -> list[list[Thing]]:
        """The NEAR nearest things of each cut, nearest first."""
        if not cuts:
            return []
        known = self.known_grey if grey else self.known
        both = (cuts, [np.ascontiguousarray(one[:, ::-1]) for one in cuts])
        distance = torch.minimum(*(torch.cdist(latents(self.vae, way), known) for way in both))
        rows = distance.topk(NEAR, largest=False).indices.tolist()
        return [[self.things[index] for index in row] for row in rows]

    def look(self, pictures: torch.Tensor) -> torch.Tensor:
        """The flat latents of whole pictures, uint8 [B, 3, S, S], as they lie on the canvas."""
        return autoencoder.encode(self.vae, pictures, half=True).flatten(1)

    def share(self, pictures: torch.Tensor, asked: list[Thing], within: int = NEAR) -> float:
        """How many pictures, uint8 [B, 3, S, S], show what was asked for, as a share."""
        found = self.nearest([cut(as_array(picture)) for picture in pictures])
        right = [is_shown(one, row[:within]) for one, row in zip(asked, found, strict=True)]
        return sum(right) / max(1, len(right))


def is_shown(asked: Thing, found: list[Thing]) -> bool:
    """Whether one of the found things is called by a name of the asked one: a cat is a cat, in
    whole or its face only."""
    names = {name.lower() for name in asked.names}
    return any(names & {name.lower() for name in thing.names} for thing in found)


def as_array(picture: torch.Tensor) -> np.ndarray:
    """A picture, uint8 [3, S, S], as uint8 [S, S, 3]."""
    return picture.permute(1, 2, 0).contiguous().numpy()


def latents(vae: AutoencoderKL, cuts: list[np.ndarray]) -> torch.Tensor:
    """The latents of cuts, each one flat: float [len(cuts), 4 h w]."""
    pixels = torch.from_numpy(np.stack(cuts)).permute(0, 3, 1, 2)
    return autoencoder.encode(vae, pixels, half=True).flatten(1)
