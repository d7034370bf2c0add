"""Colours, numbers, pairs, seeds, languages and slips: does the model follow its words?

Colour and number count only where the thing is right, since lumps of the right colour in the
right number are easy. Every figure is a share of the pictures that were asked for.
"""

import numpy as np
import torch

from ..scenes.colours import COLOURS, shares
from .held_out import Question
from .judge import Judge, as_array, background, cut, is_shown, parts_of

# Two pictures differ visibly where their distance is this share of the usual one between pictures
# of different things.
VISIBLE = 0.4


def main_colour(pixels: np.ndarray) -> str:
    """The basic colour that covers most of what is not white on uint8 [S, S, 3]."""
    shown = pixels[~background(pixels)].astype(np.float32) / 255
    if not len(shown):
        return "white"
    found = shares(shown)
    return max(COLOURS, key=lambda colour: found[colour])


def colours(judge: Judge, drawn: torch.Tensor, asked: list[Question]) -> dict[str, float]:
    """The thing, compared in grey, and the colour: each alone and both."""
    pictures = [as_array(picture) for picture in drawn]
    found = judge.nearest([cut(picture, grey=True) for picture in pictures], grey=True)
    rows = []
    for picture, near, one in zip(pictures, found, asked, strict=True):
        ((_, colour),) = one.scene.parts
        painted = main_colour(picture) == colour
        (thing,) = one.things
        rows.append((painted, is_shown(thing, near[:1]), is_shown(thing, near)))
    colour, top1, top5 = np.array(rows, dtype=bool).T
    return {
        "colour": mean(colour),
        "colour_thing_top5": mean(top5),
        "thing_and_colour_top1": mean(colour & top1),
        "thing_and_colour": mean(colour & top5),
    }


def numbers(judge: Judge, drawn: torch.Tensor, asked: list[Question]) -> dict[str, float]:
    """As many parts as asked for, and half of them or more the thing."""
    rows = []
    for picture, one in zip(drawn, asked, strict=True):
        pixels = as_array(picture)
        parts = parts_of(pixels)
        near = judge.nearest([cut(pixels, part) for part in parts[:4]])
        right = [is_shown(one.things[0], row) for row in near]
        rows.append((len(parts) == one.scene.number, bool(right) and 2 * sum(right) >= len(right)))
    number, thing = np.array(rows, dtype=bool).T
    return {
        "number": mean(number),
        "number_thing": mean(thing),
        "thing_and_number": mean(number & thing),
    }


def pairs(judge: Judge, drawn: torch.Tensor, asked: list[Question]) -> dict[str, float]:
    """Both things found, or one of them, on the two largest parts or else on the two halves."""
    rows = []
    for picture, one in zip(drawn, asked, strict=True):
        pixels = as_array(picture)
        parts = parts_of(pixels)[:2]
        middle = pixels.shape[1] // 2
        cuts = (
            [cut(pixels, part) for part in parts]
            if len(parts) == 2
            else [cut(pixels[:, :middle]), cut(pixels[:, middle:])]
        )
        first, second = (
            [is_shown(thing, row) for row in judge.nearest(cuts)] for thing in one.things
        )
        both = (first[0] and second[1]) or (first[1] and second[0])
        rows.append((both, any(first) or any(second)))
    both, either = np.array(rows, dtype=bool).T
    return {"both_of_a_pair": mean(both), "one_of_a_pair": mean(either)}


def named(judge: Judge, drawn: torch.Tensor, asked: list[Question]) -> dict[str, float]:
    """The thing is the nearest, or among the five nearest."""
    things = [one.things[0] for one in asked]
    return {
        "top1": round(judge.share(drawn, things, 1), 3),
        "top5": round(judge.share(drawn, things), 3),
    }


def seeds(judge: Judge, drawn: torch.Tensor, one: Question) -> int:
    """Of pictures of one prompt from several seeds: how many are right and unlike each other."""
    things = [one.things[0]] * len(drawn)
    right = [
        judge.share(picture[None], [thing]) == 1
        for picture, thing in zip(drawn, things, strict=True)
    ]
    usual = usual_distance(judge)
    kept: list[torch.Tensor] = []
    for latent, good in zip(judge.look(drawn), right, strict=True):
        if good and all((latent - other).norm() > VISIBLE * usual for other in kept):
            kept.append(latent)
    return len(kept)


def usual_distance(judge: Judge) -> float:
    """The mean distance between training pictures of different things."""
    some = judge.known[:: 1 + len(judge.known) // 250]
    return torch.pdist(some).mean().item()


def mean(right: np.ndarray) -> float:
    """The share that is true, to three places."""
    return round(float(right.mean()), 3) if len(right) else 0.0
