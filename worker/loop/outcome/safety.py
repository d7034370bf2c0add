"""The safety hook: a classifier looks at each finished picture before anybody else does."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from threading import Lock
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from jobs.records.events import Safety, SafetyAction
from jobs.sentences import say
from worker.engine.request import Picture
from worker.models.loading.checker import Checker

LEFT = 12
"""Pixels of the longer side that a blurred picture is made of: a blot of colours, which no
sharpening brings back."""


class Refused(Exception):
    """The job fails with the code `refused`, and the picture is seen by nobody."""


@dataclass(frozen=True)
class Rule:
    """What is acted on, from which score on, and how."""

    labels: tuple[str, ...]
    threshold: float
    action: SafetyAction


class SafetyHook:
    """Checks pictures by a rule, one at a time, on the thread that asks."""

    def __init__(self, checker: Checker, rule: Rule) -> None:
        self._checker = checker
        self._rule = rule
        # Two at once would take the cores from the engine.
        self._one = Lock()

    @property
    def hides(self) -> bool:
        """Whether a flagged picture is kept from sight; its previews must be, too."""
        return self._rule.action != "mark"

    def check(self, picture: Picture) -> tuple[Picture, Safety | None]:
        """The picture as it may be shown, and what was found; None where nothing was.

        Raises Refused with a sentence for the caller.
        """
        with self._one:
            scores = self._checker.scores(picture)
        # A score that is no number says nothing, and nothing is no reason to let a picture through.
        scores = {name: 1.0 if isnan(score) else score for name, score in scores.items()}
        label = max(self._rule.labels, key=lambda each: scores[each])
        if scores[label] < self._rule.threshold:
            return picture, None
        found = Safety(label=label, score=round(scores[label], 4), action=self._rule.action)
        if found.action == "refuse":
            raise Refused(
                say(
                    "picture-refused",
                    "The picture was refused: this server's safety classifier found {label!r} with"
                    " a score of {score:.2f}.",
                    label=label,
                    score=found.score,
                )
            )
        return (blurred(picture) if found.action == "blur" else picture), found


class Guard:
    """The safety hook of the moment: models.toml may name another while the worker runs."""

    def __init__(self, hook: SafetyHook | None = None) -> None:
        self.hook = hook

    @property
    def hides(self) -> bool:
        """Whether previews must be kept from sight."""
        hook = self.hook
        return hook is not None and hook.hides


def blurred(picture: Picture) -> Picture:
    """The picture as a blot of its colours, in its own size."""
    source = Image.fromarray(picture)
    scale = LEFT / max(source.size)
    few = tuple(max(1, round(side * scale)) for side in source.size)
    blot = source.resize((few[0], few[1]), Image.Resampling.BOX)
    large = blot.resize(source.size, Image.Resampling.BICUBIC)
    soft = large.filter(ImageFilter.GaussianBlur(max(source.size) / LEFT))
    made: np.ndarray[Any, Any] = np.asarray(soft)
    return made.astype(np.uint8)
