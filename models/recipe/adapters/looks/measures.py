"""Figures that can fail: does an adapter do what it says? Each with it and without it."""

import cv2
import numpy as np
import torch

from ...evaluation.judge import as_array, background
from ...scenes.colours import shares

NEAR = 2  # pixels that an edge may lie beside the asked one


def colourful(pictures: torch.Tensor) -> float:
    """How far the channels of what is not white lie apart in pictures, uint8 [B, 3, S, S]: the mean
    in levels of 255, 0 where all is grey."""
    found = []
    for picture in pictures:
        pixels = as_array(picture).astype(int)
        drawn = pixels[~background(pixels)]
        found.append(float((drawn.max(-1) - drawn.min(-1)).mean()) if len(drawn) else 0.0)
    return float(np.mean(found))


def white(pictures: torch.Tensor) -> float:
    """The share of what is white in pictures, uint8 [B, 3, S, S]."""
    return float(np.mean([background(as_array(each)).mean() for each in pictures]))


def along(pictures: torch.Tensor, asked: list[np.ndarray]) -> float:
    """How well the edges of pictures, uint8 [B, 3, S, S], are those that were asked for, uint8
    [S, S] each: the mean of the shares of either that lie beside the other (F1)."""
    found = []
    around = np.ones((2 * NEAR + 1,) * 2, np.uint8)
    for picture, lines in zip(pictures, asked, strict=True):
        made, wanted = cv2.Canny(as_array(picture), 100, 200) > 0, lines > 0
        near_made, near_wanted = (
            cv2.dilate(each.astype(np.uint8), around) > 0 for each in (made, wanted)
        )
        right = (made & near_wanted).sum() / max(1, made.sum())
        there = (wanted & near_made).sum() / max(1, wanted.sum())
        found.append(2 * right * there / max(1e-9, right + there))
    return float(np.mean(found))


def apart(pictures: torch.Tensor, like: list[np.ndarray]) -> float:
    """How far the mean colours of pictures, uint8 [B, 3, S, S], are from those of uint8 [S, S, 3]
    each: the mean distance in levels of 255, of what is not white."""
    return float(
        np.mean(
            [
                np.linalg.norm(colour(as_array(one)) - colour(other))
                for one, other in zip(pictures, like, strict=True)
            ]
        )
    )


def colour(pixels: np.ndarray) -> np.ndarray:
    """The mean colour of what is not white."""
    drawn = pixels[~background(pixels)]
    return drawn.mean(0) if len(drawn) else np.full(3, 255.0)


def blue(pictures: torch.Tensor) -> float:
    """The share of blue in what is not white of pictures, uint8 [B, 3, S, S]."""
    found = []
    for picture in pictures:
        pixels = as_array(picture)
        drawn = pixels[~background(pixels)].astype(np.float32) / 255
        found.append(shares(drawn)["blue"] if len(drawn) else 0.0)
    return float(np.mean(found))
