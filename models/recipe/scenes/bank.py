"""The bank: latents and captions of composed pictures, made once and read by every step.

Composing and encoding a picture costs as much as training on it, so a training draws from a bank
of some thousands. The plain pictures are in it too, with a share of their own.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from transformers import PreTrainedTokenizerFast

from .. import autoencoder, captions, parallel
from ..data import Pictures
from .scene import KINDS, Director, Scene
from .studio import Studio
from .things import Thing, read_things
from .wording import caption


@dataclass(frozen=True)
class Mix:
    """What a training is shown: pictures of each kind in the bank, and the share of each."""

    pictures: tuple[int, ...] = (2000, 5000, 6000, 4000)  # of each of scene.KINDS
    shares: tuple[float, ...] = (0.08, 0.24, 0.20, 0.18)  # of the rows; the rest are plain
    captions: int = 12  # drawn for each picture
    vietnamese: float = 0.22
    free: bool = True  # any place and any scale from 0.7; else a few of them

    @property
    def plain(self) -> float:
        """The share of pictures as they are."""
        return 1 - sum(self.shares)


@dataclass(frozen=True)
class Bank:
    """Latents [N, 4, h, w], token ids [N, K, 20] and how often each row is drawn [N]."""

    latents: torch.Tensor
    tokens: torch.Tensor
    weights: torch.Tensor
    kinds: torch.Tensor  # int8 [N]: an index of scene.KINDS, or their number for a plain picture

    def save(self, path: Path) -> None:
        """Write the bank; half precision is enough for latents."""
        partial = path.with_suffix(".partial")
        torch.save(vars(self) | {"latents": self.latents.half()}, partial)
        partial.replace(path)

    @staticmethod
    def load(path: Path) -> "Bank":
        """The bank as it was saved."""
        kept = torch.load(path, weights_only=True)
        return Bank(**kept | {"latents": kept["latents"].float()})


def build(
    pictures: Pictures,
    vae: AutoencoderKL,
    tokenizer: PreTrainedTokenizerFast,
    mix: Mix,
    seed: int,
    say: Callable[[str], None] = print,
) -> Bank:
    """This process's part of a bank; the processes of a training make one part each."""
    things = read_things(pictures)
    size = pictures.pixels.shape[-1]
    director, studio = Director(things, mix.free), Studio(pictures.art, things, size, mix.free)
    rng = random.Random(seed * 64 + parallel.rank())
    wanted = [(kind, n // parallel.size()) for kind, n in zip(KINDS, mix.pictures, strict=True)]
    thought = (director.scene(kind, rng) for kind, number in wanted for _ in range(number))
    scenes = [scene for scene in thought if scene is not None]
    latents, tokens = [], []
    for start in range(0, len(scenes), 32):
        part = scenes[start : start + 32]
        pixels = np.stack([studio.picture(scene, rng) for scene in part])
        latents.append(
            autoencoder.encode(vae, torch.from_numpy(pixels).permute(0, 3, 1, 2), half=True)
        )
        tokens.append(table(part, things, tokenizer, mix, rng))
        if start // 32 % 20 == 0:
            say(f"bank: {start} of {len(scenes)} pictures")
    kinds = [KINDS.index(scene.kind) for scene in scenes]
    weights = [
        mix.shares[kind] / max(1, wanted[kind][1]) for kind in kinds
    ]  # of the process's own part
    chosen, more, often = plain(pictures, things, vae, tokenizer, mix, rng)
    latents.append(chosen)
    tokens.append(more)
    weights += often
    kinds += [len(KINDS)] * len(often)
    # Kinds of which there are none leave their share to the others.
    return Bank(
        torch.cat(latents), torch.cat(tokens), torch.tensor(weights), torch.tensor(kinds).char()
    )


def plain(
    pictures: Pictures,
    things: list[Thing],
    vae: AutoencoderKL,
    tokenizer: PreTrainedTokenizerFast,
    mix: Mix,
    rng: random.Random,
) -> tuple[torch.Tensor, torch.Tensor, list[float]]:
    """The pictures as they are: latents, captions, and how often each is drawn."""
    rows, own = [], slice(parallel.rank(), None, parallel.size())
    for emoji, thing in zip(pictures.emoji[own], things[own], strict=True):
        scene = Scene("single", ((thing.index, None),), style=thing.style)
        texts = [
            caption(scene, things, rng, mix.vietnamese)
            if thing.composed and thing.style == "3d" and rng.random() < 0.5
            else ""
            if rng.random() < captions.EMPTY_SHARE
            else captions.caption(emoji, rng)
            for _ in range(mix.captions)
        ]
        rows.append(captions.encode(tokenizer, texts).to(torch.int16))
    weights = pictures.weights[own] / pictures.weights[own].sum() * mix.plain
    latents = autoencoder.encode(vae, pictures.pixels[own], half=True)
    return latents, torch.stack(rows), weights.tolist()


def table(
    scenes: list[Scene],
    things: list[Thing],
    tokenizer: PreTrainedTokenizerFast,
    mix: Mix,
    rng: random.Random,
) -> torch.Tensor:
    """Captions of scenes as token ids, int16 [len(scenes), K, 20]."""
    texts = [
        caption(scene, things, rng, mix.vietnamese) for scene in scenes for _ in range(mix.captions)
    ]
    return captions.encode(tokenizer, texts).to(torch.int16).view(len(scenes), mix.captions, -1)


def joined(parts: list[Bank]) -> Bank:
    """One bank of the parts that several processes made."""
    return Bank(*(torch.cat([getattr(part, name) for part in parts]) for name in vars(parts[0])))
