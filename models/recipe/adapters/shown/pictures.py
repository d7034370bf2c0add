"""What the adapters are shown: art, words and latents of single and composed pictures.

They are composed as those of the model's own training are, made once and read by every step: the
latents of the pictures as they are and in ink, and the art itself, of which each step makes edges
and views anew.
"""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ... import autoencoder, captions
from ...data import Pictures, on_white
from ...sampling import Model
from ...scenes import bank
from ...scenes.scene import KINDS, Director
from ...scenes.studio import Studio
from ...scenes.things import read_things
from ..settings import Preset
from .ink import ink

FEW = 0.25  # of the composed pictures, where single things are to be learnt


@dataclass(frozen=True)
class Shown:
    """N pictures: uint8 RGBA `art` [N, S, S, 4], latents [N, 4, h, w] of them and `inked`, token
    ids [N, K, 20], those of `nothing` [20], how often each is drawn [N], and what it `shows` [N]:
    the number of its label, or -1 where it is composed.

    `small` is the art as a reference is looked at, uint8 RGBA [N, v, v, 4], and `others` are
    pictures in further styles, uint8 RGBA [M, v, v, 4], with the numbers of their
    labels, `other_shows` [M]. `names` are the labels as token ids [L, 20].
    """

    art: torch.Tensor
    latents: torch.Tensor
    inked: torch.Tensor
    tokens: torch.Tensor
    nothing: torch.Tensor
    weights: torch.Tensor
    shows: torch.Tensor
    small: torch.Tensor
    others: torch.Tensor
    other_shows: torch.Tensor
    names: torch.Tensor

    def save(self, path: Path) -> None:
        """Write them; half precision is enough for latents."""
        partial = path.with_suffix(".partial")
        halved = {name: getattr(self, name).half() for name in ("latents", "inked")}
        torch.save(vars(self) | halved, partial)
        partial.replace(path)

    @staticmethod
    def load(path: Path) -> "Shown":
        """The pictures as they were saved; the art stays on disk until it is looked at."""
        kept = torch.load(path, weights_only=True, mmap=True)
        floats = {name: kept[name].float() for name in ("latents", "inked")}
        return Shown(**kept | floats)

    def chosen(self, rows: int, generator: torch.Generator) -> torch.Tensor:
        """Which pictures a step is shown, int64 [rows]."""
        return torch.multinomial(self.weights, rows, replacement=True, generator=generator)

    def single(self, rows: int, generator: torch.Generator) -> torch.Tensor:
        """Which pictures a step is shown that is to learn things, int64 [rows]: few of them
        composed."""
        weights = torch.where(self.shows < 0, FEW * self.weights, self.weights)
        return torch.multinomial(weights, rows, replacement=True, generator=generator)

    def words(self, chosen: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """One way to ask for each, token ids int64 [len(chosen), 20]."""
        variant = torch.randint(self.tokens.shape[1], (len(chosen),), generator=generator)
        return self.tokens[chosen, variant].long()


def build(
    pictures: Pictures, model: Model, preset: Preset, seed: int, say: Callable[[str], None] = print
) -> Shown:
    """Compose, caption and encode: 40 milliseconds a picture on one core."""
    rng = random.Random(seed)
    drawn = Pictures(*only(pictures, preset.drawn))
    things = read_things(drawn)
    size, mix = preset.size, preset.mix
    director, studio = Director(things, mix.free), Studio(drawn.art, things, size, mix.free)
    art, tokens, weights = [], [], []
    for kind, number, share in zip(KINDS, mix.pictures, mix.shares, strict=True):
        thought = (director.scene(kind, rng) for _ in range(number))
        scenes = [scene for scene in thought if scene is not None]
        if not scenes:  # what is shown names no thing of this kind
            continue
        art += [studio.cut(scene, rng) for scene in scenes]
        tokens += list(bank.table(scenes, things, model.tokenizer, mix, rng))
        weights += [share / len(scenes)] * len(scenes)
    composed = len(art)
    for emoji, picture in zip(drawn.emoji, drawn.art, strict=True):
        texts = [captions.caption_or_none(emoji, rng) for _ in range(mix.captions)]
        art.append(picture.numpy())
        tokens.append(captions.encode(model.tokenizer, texts).to(torch.int16))
        weights.append(mix.plain * emoji.weight / drawn.weights.sum().item())
    labels = {label: at for at, label in enumerate(sorted({e.label for e in pictures.emoji}))}
    further = Pictures(*only(pictures, preset.seen))
    whole = torch.from_numpy(np.stack(art))
    return Shown(
        whole,
        encode(model, (on_white(each) for each in whole), say),
        encode(model, (torch.from_numpy(ink(each)).permute(2, 0, 1) for each in art), say),
        torch.stack(tokens),
        captions.encode(model.tokenizer, [""])[0],
        torch.tensor(weights),
        torch.tensor([-1] * composed + [labels[emoji.label] for emoji in drawn.emoji]),
        small(whole, preset.view),
        small(further.art, preset.view),
        torch.tensor([labels[emoji.label] for emoji in further.emoji]),
        captions.encode(model.tokenizer, [captions.clean(label) for label in labels]),
    )


def only(pictures: Pictures, styles: tuple[str, ...]) -> tuple[torch.Tensor, list]:
    """The pictures of these styles."""
    kept = [at for at, emoji in enumerate(pictures.emoji) if emoji.style in styles]
    return pictures.art[kept], [pictures.emoji[at] for at in kept]


def encode(
    model: Model, pixels: Iterable[torch.Tensor], say: Callable[[str], None]
) -> torch.Tensor:
    """Latents of pictures that are made one after another, uint8 [3, S, S] each."""
    rows, waiting = [], []
    for picture in pixels:
        waiting.append(picture)
        if len(waiting) == 32:
            rows.append(autoencoder.encode(model.vae, torch.stack(waiting), half=True))
            waiting.clear()
            if len(rows) % 20 == 0:
                say(f"pictures: {32 * len(rows)} encoded")
    if waiting:
        rows.append(autoencoder.encode(model.vae, torch.stack(waiting), half=True))
    return torch.cat(rows)


def small(art: torch.Tensor, side: int) -> torch.Tensor:
    """Art, uint8 RGBA [N, S, S, 4], at another size; what is clear gives no colour."""
    rows = []
    for part in art.split(256):
        seen = part.permute(0, 3, 1, 2).float() / 255
        seen = torch.cat([seen[:, :3] * seen[:, 3:], seen[:, 3:]], 1)
        seen = torch.nn.functional.interpolate(seen, size=side, mode="area")
        alpha = seen[:, 3:]
        seen = torch.cat([seen[:, :3] / alpha.clamp(min=1e-3), alpha], 1)
        rows.append((255 * seen.clamp(0, 1)).round().to(torch.uint8).permute(0, 2, 3, 1))
    return torch.cat(rows)
