"""What is asked for: a mix of steps, sizes and samplers, the same for every arm."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

SAMPLERS = ("pndm", "ddim", "euler", "dpmpp_2m")


@dataclass(frozen=True)
class Asked:
    """One picture. Those that are alike can be made in one call of diffusers."""

    steps: int
    side: int
    sampler: str

    def line(self, count: int) -> str:
        """As `benchmarks/beside/bare.py` reads it."""
        return f"{count} {self.steps} {self.side} {self.sampler}"


@dataclass(frozen=True)
class Mix:
    """Steps, sizes and samplers, and how often each comes."""

    steps: Sequence[int]
    weights: Sequence[int]
    sides: Sequence[int] = (128,)
    samplers: Sequence[str] = ("pndm",)

    def some(self, count: int, seed: int = 0) -> list[Asked]:
        """As many requests as wanted, the same for the same seed."""
        dice = random.Random(seed)
        return [
            Asked(
                dice.choices(self.steps, self.weights)[0],
                dice.choice(self.sides),
                dice.choice(self.samplers),
            )
            for _ in range(count)
        ]

    def kinds(self) -> list[Asked]:
        """Every request that may come."""
        return [
            Asked(steps, side, sampler)
            for steps in self.steps
            for side in self.sides
            for sampler in self.samplers
        ]


MIXES = {
    "same": Mix((20,), (1,)),
    "steps": Mix((4, 20, 50), (3, 5, 2)),
    "all": Mix((4, 20, 50), (3, 5, 2), (96, 128, 192), SAMPLERS),
}
"""`same`: everybody wants the same, which is best for batches of whole requests; `steps`: some want
a quick one and some a good one; `all`: sizes and samplers differ too."""

SHORT = Mix((4, 10), (1, 1))
"""For a look at whether all of it works."""
