"""A recording: what is kept of one picture's steps while they are made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from worker.engine.prompt.text.spelling import Spelling
from worker.engine.request import Picture, TraceWish
from worker.engine.trace.attention import Layout, Look, Wanted, grid

Numbers = np.ndarray[Any, np.dtype[np.float32]]

LAYERS = "layers"

ROUNDING = 1e-4
"""The most that latents differ by rounding alone: a thousandth of what a level of 255 takes."""


@dataclass(frozen=True)
class Step:
    """One step as it was: tensors (C, h, w) by name, and how noisy it was.

    `x` are the noisy latents as the network saw them, of variance 1; `noise` the prediction that
    the sampler went by, as noise whatever the network predicts; `x0` the latents without it. A
    guided step has `noise_with` and `noise_without` the prompt. `attention` has a plane for each
    word, and `layers` the same of each layer at its own size.
    """

    step: int
    timestep: float
    sigma: float
    alpha_bar: float
    tensors: Mapping[str, torch.Tensor]
    attention: torch.Tensor | None = None
    layers: Mapping[str, torch.Tensor] = field(default_factory=dict[str, torch.Tensor])


@dataclass(frozen=True)
class Trace:
    """A finished recording: its steps on the CPU, the words, what was asked for beside the noise,
    and what draws latents in colours.

    Whoever has it closes it once it is stored: until then it takes its share of the memory."""

    steps: Sequence[Step]
    words: Sequence[str]
    asked: Mapping[str, Any]
    draw: Callable[[torch.Tensor], Picture]
    left_out: int = 0
    close: Callable[[], None] = lambda: None


class Memory:
    """How many bytes all recordings may take together, in every thread; None is no end."""

    def __init__(self, limit: int | None = None) -> None:
        self._left = limit
        self._lock = Lock()

    def take(self, size: int) -> bool:
        """Take so many; False where there are not as many left."""
        with self._lock:
            if self._left is None:
                return True
            if size > self._left:
                return False
            self._left -= size
            return True

    def give_back(self, size: int) -> None:
        """Give back what was taken."""
        with self._lock:
            if self._left is not None:
                self._left += size


class Recording:
    """Keeps what is wished of one picture's steps. The engine's thread writes; any may look.

    `asked` is what the network was told beside latents and timestep, to ask it again by."""

    def __init__(
        self,
        wish: TraceWish,
        spellings: Sequence[Spelling],
        asked: Mapping[str, Any],
        memory: Memory,
    ) -> None:
        self._wish = wish
        self._asked = asked
        self._memory = memory
        self._taken = 0
        self._looks: Sequence[Look] = ()
        self._places = _places(spellings)
        pieces = [each for window in spellings[0].windows for each in window] if spellings else []
        self.words = [
            next(each.text for each in pieces if each.word == word) for word in self._places
        ]
        self.steps: list[Step] = []
        self.left_out = 0

    def wants(self, step: int) -> bool:
        """Whether this step is to be kept."""
        return self._wish.steps is None or step in self._wish.steps

    @property
    def looks(self) -> bool:
        """Whether it wants to know where words were looked at."""
        return self._wish.attention != "none" and bool(self._places)

    def wanted(self, layout: Layout) -> Wanted:
        """What the forward of the step to come is to be watched for."""
        return Wanted(list(self._places.values()), layout)

    def saw(self, looks: Sequence[Look]) -> None:
        """What it looked at with the prompt."""
        self._looks = looks

    def keep(
        self,
        step: int,
        timestep: float,
        sigma: float,
        alpha_bar: float,
        tensors: Mapping[str, torch.Tensor],
    ) -> None:
        """Keep a step; tensors are (1, C, h, w) of the batch, and are copied."""
        copies = {name: each[0].detach().float().clone() for name, each in tensors.items()}
        attention, layers = self._attention(*next(iter(copies.values())).shape[-2:])
        kept = [*copies.values(), *layers.values(), *([] if attention is None else [attention])]
        size = sum(each.numel() * each.element_size() for each in kept)
        self._looks = ()
        if not self._memory.take(size):
            self.left_out += 1
            return
        self._taken += size
        self.steps.append(Step(step, timestep, sigma, alpha_bar, copies, attention, layers))

    def ended(self, latents: torch.Tensor) -> None:
        """The walk ended at these latents (1, C, h, w). Where its last step took all noise away
        they are that step's, and differ by how a sampler rounds on its way there."""
        if not self.steps:
            return
        last, final = self.steps[-1], latents[0].float()
        x0 = last.tensors["x0"]
        if x0.shape == final.shape and torch.allclose(x0, final, atol=ROUNDING):
            self.steps[-1] = replace(last, tensors={**last.tensors, "x0": final})

    def finished(self, draw: Callable[[torch.Tensor], Picture]) -> Trace:
        """All that was kept, on the CPU. What it takes of the memory goes over to it."""
        steps = [
            Step(
                each.step,
                each.timestep,
                each.sigma,
                each.alpha_bar,
                {name: one.cpu() for name, one in each.tensors.items()},
                None if each.attention is None else each.attention.cpu(),
                {name: one.cpu() for name, one in each.layers.items()},
            )
            for each in self.steps
        ]
        taken, self._taken = self._taken, 0
        close = _once(self._memory, taken)
        return Trace(steps, self.words, self._asked, draw, self.left_out, close)

    def close(self) -> None:
        """What it took may be taken by others."""
        self._memory.give_back(self._taken)
        self._taken = 0

    def _attention(
        self, height: int, width: int
    ) -> tuple[torch.Tensor | None, dict[str, torch.Tensor]]:
        """For each word the mean over heads and layers (words, h, w), and that of each layer."""
        maps: dict[str, torch.Tensor] = {}
        whole: torch.Tensor | None = None
        sums: dict[int, torch.Tensor] = {}
        for look in self._looks:
            places = look.shares.shape[1]
            sums[places] = sums[places] + look.shares if places in sums else look.shares
            if self._wish.attention == LAYERS:
                size = grid(places, height, width)
                maps[look.layer] = look.shares.reshape(-1, *size).half()
        # Layers of one size are enlarged together.
        for places, shares in sums.items():
            own = shares.reshape(1, -1, *grid(places, height, width))
            larger = functional.interpolate(own, (height, width), mode="bilinear")[0]
            whole = larger if whole is None else whole + larger
        return None if whole is None else (whole / len(self._looks)).half(), maps


def _once(memory: Memory, size: int) -> Callable[[], None]:
    """What gives back so many, however often it is called."""
    left = [size]

    def close() -> None:
        while left:
            memory.give_back(left.pop())

    return close


def _places(spellings: Sequence[Spelling]) -> dict[int, list[int]]:
    """By each word of the first spelling that is seen token by token, its places."""
    for each in spellings:
        if found := each.places():
            return dict(sorted(found.items()))
    return {}
