"""All that `composed` measures, of one model, on the same held-out prompts and seeds every time."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import autoencoder, sampling
from ..data import Pictures
from ..sampling import Model
from ..scenes.studio import Studio
from ..scenes.things import Thing, read_things
from . import composed, held_out
from .held_out import Question
from .judge import Judge, parts_of

COUNTS = {"colours": 48, "numbers": 36, "pairs": 32, "singles": 40}
SEEDS = 8
SEED_PROMPTS = 6
MEASURES = {"colours": composed.colours, "numbers": composed.numbers, "pairs": composed.pairs}
Reader = Callable[[str], str]


def questions(things: list[Thing], studio: Studio, seed: int = 0) -> dict[str, list[Question]]:
    """What is asked, by kind. Numbers and pairs are of things that come in one piece."""
    rng = random.Random(seed)
    common = [thing for thing in things if thing.common and thing.style == "3d"]
    whole = [thing for thing in common if len(parts_of(plain(studio, thing))) == 1]
    singles = held_out.singles(common, COUNTS["singles"], rng)
    return {
        "colours": held_out.colours(common, COUNTS["colours"], rng),
        "numbers": held_out.numbers(whole, COUNTS["numbers"], rng),
        "pairs": held_out.pairs(whole, COUNTS["pairs"], rng),
        "singles": singles,
        "sentences": held_out.sentences(singles, rng),
        "typos": held_out.typos(singles, rng),
        "vietnamese": held_out.vietnamese(singles, rng),
    }


def plain(studio: Studio, thing: Thing) -> np.ndarray:
    """A thing as it is, on white, at half the canvas, where it comes apart first."""
    return np.asarray(studio.small(thing.index))


def follow(model: Model, pictures: Pictures, read: Reader | None = None, seed: int = 0) -> dict:
    """Every figure by name. `read` is what stands between a prompt and the model, where there is
    something: the table of words.
    """
    things, size = read_things(pictures), pictures.pixels.shape[-1]
    studio = Studio(pictures.art, things, size, free=False)
    judge = Judge.learn(model.vae, pictures.pixels, things)
    asked = questions(things, studio, seed)
    figures = measure(judge, asked, lambda kind: draw(model, asked[kind], seed))
    figures["ceiling"] = ceiling(judge, model, studio, asked)
    figures["seeds_right_and_different"] = several_seeds(judge, model, asked["singles"], seed)
    if read is not None:
        for kind in ("typos", "vietnamese", "sentences"):
            if not asked[kind]:
                continue
            put = [held_out.reworded(one, read(one.prompt)) for one in asked[kind]]
            found = composed.named(judge, draw(model, put, seed), put)
            figures |= {f"{kind}_read_{name}": value for name, value in found.items()}
    return figures


def measure(
    judge: Judge, asked: dict[str, list[Question]], drawn: Callable[[str], torch.Tensor]
) -> dict:
    """The figures of pictures, wherever they come from."""
    figures: dict = {}
    for kind, how in MEASURES.items():
        if asked[kind]:
            figures |= how(judge, drawn(kind), asked[kind])
    for kind in ("singles", "sentences", "typos", "vietnamese"):
        if asked[kind]:
            found = composed.named(judge, drawn(kind), asked[kind])
            figures |= {f"{kind}_{name}": value for name, value in found.items()}
    return figures


def ceiling(
    judge: Judge, model: Model, studio: Studio, asked: dict[str, list[Question]]
) -> dict[str, float]:
    """What the same measures say of the true pictures after a way through the autoencoder: more
    no U-Net can reach. And how well those of several things come out of it, in dB.
    """
    rng = random.Random(0)
    true = {
        kind: torch.stack([as_tensor(studio.picture(one.scene, rng)) for one in some])
        for kind, some in asked.items()
        if kind in MEASURES and some
    }

    def seen(kind: str) -> torch.Tensor:
        return autoencoder.decode(model.vae, autoencoder.encode(model.vae, true[kind]))

    figures: dict[str, float] = {}
    for kind in true:
        figures |= MEASURES[kind](judge, seen(kind), asked[kind])
    several = [pixels for kind, pixels in true.items() if kind != "colours"]
    if several:
        figures["psnr_db_several"] = round(autoencoder.psnr(model.vae, torch.cat(several)), 2)
    return figures


def as_tensor(pixels: np.ndarray) -> torch.Tensor:
    """A picture, uint8 [S, S, 3], as uint8 [3, S, S]."""
    return torch.tensor(pixels).permute(2, 0, 1)


def several_seeds(judge: Judge, model: Model, singles: list[Question], seed: int) -> float:
    """Of SEEDS pictures of one prompt, how many are right and unlike each other; a mean."""
    found = [
        composed.seeds(judge, draw(model, [one] * SEEDS, seed + 1000), one)
        for one in singles[:SEED_PROMPTS]
    ]
    return round(sum(found) / max(1, len(found)), 2)


def draw(model: Model, asked: list[Question], seed: int, **options: Any) -> torch.Tensor:
    """Pictures of questions, uint8 [B, 3, S, S], each from a seed of its own; `options` as
    `sampling.generate` has them."""
    with torch.autocast(model.vae.device.type, torch.bfloat16):
        return sampling.pictures(model, [one.prompt for one in asked], seed=seed, **options)


def contact_sheet(path: Path, model: Model, pictures: Pictures, seed: int = 0) -> list[str]:
    """Up to 64 held-out prompts for a person to look at, eight a row; returns them in order."""
    things, size = read_things(pictures), pictures.pixels.shape[-1]
    asked = questions(things, Studio(pictures.art, things, size, free=False), seed)
    kinds = ("colours", "numbers", "pairs", "sentences")
    chosen = [one for kind in kinds for one in asked[kind][:16]]
    if not chosen:
        return []
    sampling.save_sheet(path, draw(model, chosen, seed + 500), [one.prompt for one in chosen])
    return [one.prompt for one in chosen]
