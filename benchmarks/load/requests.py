"""What is asked for: a mix of steps, sizes, samplers, LoRAs, models and callers, for every arm."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

SAMPLERS = ("pndm", "ddim", "euler", "dpmpp_2m")
EMOJI = "emoji"

Worn = tuple[tuple[str, float], ...]
"""The LoRAs of a picture, and how much each counts."""


@dataclass(frozen=True)
class Asked:
    """One picture. `sampler` is as the server calls it; a model's `own` needs no name elsewhere."""

    steps: int
    side: int
    sampler: str
    model: str = EMOJI
    loras: Worn = ()
    caller: str = ""
    own: bool = False

    @property
    def alike(self) -> Asked:
        """What it shares with those that can be made with it in one call of diffusers."""
        return replace(self, caller="")

    def label(self) -> str:
        """In words, for results."""
        worn = "".join(f" {name}:{weight:g}" for name, weight in self.loras)
        model = "" if self.model == EMOJI else f"{self.model} "
        return f"{model}{self.steps} steps {self.side} {self.sampler}{worn}"


@dataclass(frozen=True)
class Mix:
    """Steps, sizes and samplers, and how often each comes.

    `worn` are LoRAs that a request may have, `models` those that it may be for, each with its own
    sampler; `callers` say who asks, how often, and for how many steps each.
    """

    steps: Sequence[int]
    weights: Sequence[int]
    sides: Sequence[int] = (128,)
    samplers: Sequence[str] = ("pndm",)
    worn: Sequence[Worn] = ((),)
    models: Mapping[str, str] | None = None
    callers: Mapping[str, tuple[int, int]] | None = None

    def some(self, count: int, seed: int = 0) -> list[Asked]:
        """As many requests as wanted, the same for the same seed."""
        dice = random.Random(seed)
        return [self._one(dice) for _ in range(count)]

    def kinds(self) -> list[Asked]:
        """Every request that may come, whoever asks."""
        models = self.models or dict.fromkeys((EMOJI,), "")
        kinds = [
            Asked(steps, side, own or sampler, model, worn, own=bool(own))
            for steps in self._steps()
            for side in self.sides
            for sampler in self.samplers
            for worn in self.worn
            for model, own in models.items()
        ]
        return list(dict.fromkeys(kinds))

    @property
    def loras(self) -> frozenset[str]:
        """The names of all LoRAs that it takes."""
        return frozenset(name for worn in self.worn for name, _ in worn)

    def _steps(self) -> Sequence[int]:
        if self.callers is None:
            return self.steps
        return sorted({steps for steps, _ in self.callers.values()})

    def _one(self, dice: random.Random) -> Asked:
        steps = dice.choices(self.steps, self.weights)[0]
        side, sampler, caller = dice.choice(self.sides), dice.choice(self.samplers), ""
        worn, model, own = dice.choice(self.worn), EMOJI, ""
        if self.models:
            model, own = dice.choice(list(self.models.items()))
        if self.callers:
            often = [weight for _, weight in self.callers.values()]
            caller = dice.choices(list(self.callers), often)[0]
            steps = self.callers[caller][0]
        return Asked(steps, side, own or sampler, model, worn, caller, bool(own))


MIXES = {
    "same": Mix((20,), (1,)),
    "steps": Mix((4, 20, 50), (3, 5, 2)),
    "all": Mix((4, 20, 50), (3, 5, 2), (96, 128, 192), SAMPLERS),
    "loras": Mix(
        (20,),
        (1,),
        worn=(
            (),
            (("ink", 1.0),),
            (("first", 0.8),),
            (("second", 0.5),),
            (("ink", 0.6), ("first", 0.9)),
            (("first", 0.4), ("second", 1.0)),
        ),
    ),
    "families": Mix(
        (20,), (1,), models={EMOJI: "pndm", "small-sdxl": "euler", "small-sd3": "euler"}
    ),
    "callers": Mix((20,), (1,), callers={"many": (50, 6), "few": (20, 2), "quick": (4, 2)}),
}
"""`same`: everybody wants the same, which is best for batches of whole requests; `steps`: some want
a quick one and some a good one; `all`: sizes and samplers differ too; `loras`: none, one of
several, or two of them at other weights; `families`: three models of other families; `callers`: one
asks for many long ones, others now and then for a short one."""

SHORT = replace(MIXES["steps"], steps=(4, 10), weights=(1, 1))
"""For a look at whether all of it works."""
