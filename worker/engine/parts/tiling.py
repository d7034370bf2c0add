"""An autoencoder in tiles, of the size that memory has room for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

LEAST = 8
"""Latent pixels a side of the smallest tile: in a smaller one all is near an edge."""

STEP = 4
"""Tiles are multiples of so many latent pixels: they reach a quarter into each other."""


def tile_sides(longest: int) -> Iterator[int]:
    """Sides of tiles, in latent pixels, for latents whose longer side is `longest`: from half of it
    to the smallest. The autoencoders' own sizes may be larger than a picture, and stay so."""
    side = longest
    while side > LEAST:
        side = max(LEAST, -(-side // (2 * STEP)) * STEP)
        yield side


@contextmanager
def in_tiles(vae: Any, side: int, scale: int) -> Iterator[None]:
    """Has `vae` work in tiles of `side` latent pixels, each `scale` pixels; then as it was."""
    pixels = side * scale
    wanted = {
        # AutoencoderKL's, and the other autoencoders'.
        "tile_sample_min_size": pixels,
        "tile_latent_min_size": side,
        "tile_overlap_factor": 1 / STEP,
        "tile_sample_min_height": pixels,
        "tile_sample_min_width": pixels,
        "tile_latent_min_height": side,
        "tile_latent_min_width": side,
        "tile_sample_stride_height": pixels - pixels // STEP,
        "tile_sample_stride_width": pixels - pixels // STEP,
    }
    before = {name: getattr(vae, name) for name in wanted if hasattr(vae, name)}
    vae.enable_tiling()
    for name in before:
        setattr(vae, name, wanted[name])
    try:
        yield
    finally:
        vae.disable_tiling()
        for name, value in before.items():
            setattr(vae, name, value)
