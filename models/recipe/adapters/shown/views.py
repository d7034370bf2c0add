"""What an image encoder is shown of a thing: never the same view twice.

A picture that somebody gives as a reference is no emoji on white. So the art is turned, cut, moved
and mirrored, its light and colours are changed a little, and it is laid on any ground.
"""

import math

import torch
import torch.nn.functional as F

from .pictures import Shown

# The mean and spread of pixels that CLIP's image processor takes away, as transformers has them.
MEAN = (0.48145466, 0.4578275, 0.40821073)
SPREAD = (0.26862954, 0.26130258, 0.27577711)
PLAIN = 0.35  # how often the ground is white
OTHER = 0.6  # how often a reference is the same thing as somebody else drew it


def references(
    shown: Shown, chosen: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Art of what each picture shows, uint8 RGBA [len(chosen), v, v, 4]: its own, or another
    style's of the same thing. And which of them are another's."""
    art = shown.small[chosen]
    draws = torch.rand((len(chosen), 2), generator=generator)
    another = (shown.shows[chosen] >= 0) & (draws[:, 0] < OTHER)
    for row in another.nonzero().flatten().tolist():
        alike = (shown.other_shows == shown.shows[chosen[row]]).nonzero().flatten()
        art[row] = shown.others[alike[int(draws[row, 1] * len(alike))]]
    return art, another


def views(art: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Art, uint8 RGBA [B, S, S, 4], as a CLIP image encoder reads it, float [B, 3, S, S]."""
    seen = art.permute(0, 3, 1, 2).float() / 255
    seen = torch.cat([seen[:, :3] * seen[:, 3:], seen[:, 3:]], 1)  # dark where it is clear
    seen = moved(seen, generator)
    colours, alpha = seen[:, :3], seen[:, 3:]
    colours = lit(colours, generator)
    whole = colours + grounds(len(art), art.shape[1], generator) * (1 - alpha)
    whole = whole + 0.03 * drawn(whole.shape, generator) * uniform(len(art), 0, 1, generator)
    return normalised(whole.clamp(0, 1))


def plain(art: torch.Tensor) -> torch.Tensor:
    """Art, uint8 RGBA [B, S, S, 4], on white, as a CLIP image encoder reads it."""
    seen = art.permute(0, 3, 1, 2).float() / 255
    return normalised(seen[:, :3] * seen[:, 3:] + 1 - seen[:, 3:])


def normalised(pixels: torch.Tensor) -> torch.Tensor:
    """Pixels 0..1 [B, 3, S, S] as CLIP's image processor hands them on."""
    mean, spread = (torch.tensor(each).view(1, 3, 1, 1) for each in (MEAN, SPREAD))
    return (pixels - mean) / spread


def uniform(
    rows: int, low: float, high: float, generator: torch.Generator, channels: int = 1
) -> torch.Tensor:
    """A number for each row and channel, [rows, channels, 1, 1]."""
    return low + (high - low) * torch.rand((rows, channels, 1, 1), generator=generator)


def drawn(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """Noise of a spread of 1."""
    return torch.randn(shape, generator=generator)


def moved(seen: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Turned by up to 20 degrees, mirrored or not, from 0.8 to 1.3 of its size, elsewhere."""
    rows = len(seen)
    angle = uniform(rows, -20, 20, generator).flatten() * math.pi / 180
    size = 1 / uniform(rows, 0.8, 1.3, generator).flatten()
    mirror = torch.where(uniform(rows, 0, 1, generator).flatten() < 0.5, -1.0, 1.0)
    across, down = (uniform(rows, -0.2, 0.2, generator).flatten() for _ in range(2))
    cosine, sine = size * angle.cos(), size * angle.sin()
    turn = torch.stack(
        [
            torch.stack([cosine * mirror, -sine, across], -1),
            torch.stack([sine * mirror, cosine, down], -1),
        ],
        1,
    )
    grid = F.affine_grid(turn, list(seen.shape), align_corners=False)
    return F.grid_sample(seen, grid, align_corners=False)


def lit(colours: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """In another light: brighter or darker, from one side, a little warmer or colder, paler or
    stronger."""
    rows, side = len(colours), colours.shape[-1]
    light = uniform(rows, 0.8, 1.15, generator) * uniform(rows, 0.93, 1.07, generator, 3)
    shade = F.interpolate(drawn((rows, 1, 2, 2), generator), size=side, mode="bilinear")
    grey = colours.mean(1, keepdim=True)
    strength = uniform(rows, 0.75, 1.2, generator)
    return (grey + strength * (colours - grey)) * light * (1 + 0.1 * shade)


def grounds(rows: int, side: int, generator: torch.Generator) -> torch.Tensor:
    """White, or another colour with light and dark places, [rows, 3, side, side]."""
    white = uniform(rows, 0, 1, generator) < PLAIN
    colour = uniform(rows, 0.15, 1, generator, 3)
    grey = uniform(rows, 0.3, 1, generator)
    colour = torch.where(uniform(rows, 0, 1, generator) < 0.5, grey, colour)
    cloud = drawn((rows, 3, 4, 4), generator) * uniform(rows, 0, 0.25, generator)
    cloud = F.interpolate(cloud, size=side, mode="bilinear")
    return torch.where(white, torch.ones(()), (colour + cloud).clamp(0, 1))
