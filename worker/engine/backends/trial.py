"""A compiled network against the plain one: the same answers, and in less time?"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

import torch
from torch.nn import functional

from worker.engine.backends.cabinet import WORTHWHILE, Comparison
from worker.engine.backends.call import Call
from worker.engine.backends.compiler import CompiledNetwork
from worker.engine.backends.network import Network
from worker.engine.memory.device import settle

FEWEST, MOST = 5, 15
"""Times that each runs, in turn, so that what else the machine does slows both alike; the first
only warms up. More than the fewest where those do not say which is faster. Medians count: on a busy
machine the fastest of a few tells who was lucky once (65 ms in PyTorch and 94 compiled, where the
medians were 853 and 246)."""

BUSY = 1.5
"""Where the plain network takes so many times as long as it has the processors, most of that is
waiting for others, and what it has of the processors counts."""

SLOW = 2.0
"""Seconds of a forward past which one round has to say it all."""

APART = {torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 5e-2}
"""How far the answers may be apart, in parts of their length. In float32 OpenVINO came to 1e-6, and
a picture moves by a level in a colour here and there; in bfloat16 either is 6e-3 from float32. A
number of float16 has three binary places more, so either is 1e-3 from float32 there, and 1e-2
leaves as much room as bfloat16 has."""

APART_TF32 = 5e-3
"""In float32 on a card, whose convolutions have the ten binary places of float16 (TF32), as PyTorch
has them by default."""


@dataclass(frozen=True)
class Took:
    """Seconds of a forward, and those that it had of the processors."""

    wall: float
    used: float


@dataclass
class Trial:
    """Runs both in turn, one forward each time that it is advanced."""

    network: Network
    compiled: CompiledNetwork
    call: Call
    plain_took: list[Took] = field(default_factory=list[Took])
    compiled_took: list[Took] = field(default_factory=list[Took])
    agreed: bool = True
    _right: torch.Tensor | None = None

    def advance(self) -> Comparison | None:
        """One forward; what came of it all once it is over."""
        if len(self.plain_took) == len(self.compiled_took):
            self.network.make_plain()
            args, kwargs = self.call.arguments(self.call.tensors)
            self._right, took = timed(lambda: self.network.eager(*args, **kwargs), self._device)
            self.plain_took.append(took)
            return None
        answer, took = timed(lambda: self.compiled.run(self.call), self._device)
        self.compiled_took.append(took)
        self.agreed = self.agreed and self._agrees(answer)
        self._right = None
        pairs = self._seconds()
        if self.agreed and len(self.compiled_took) < self._rounds and not is_clear(pairs):
            return None
        plain, compiled = (median(each) for each in zip(*pairs, strict=True))
        return Comparison(plain, compiled, self.agreed)

    @property
    def _device(self) -> torch.device:
        return self.network.device

    @property
    def _rounds(self) -> int:
        return MOST if min(each.wall for each in self.plain_took) < SLOW else 2

    def _seconds(self) -> list[tuple[float, float]]:
        """What the plain network and the compiled one took in each round that counts."""
        pairs = list(zip(self.plain_took, self.compiled_took, strict=True))
        pairs = pairs[1:] or pairs
        waited = median(plain.wall for plain, _ in pairs)
        if waited > BUSY * median(plain.used for plain, _ in pairs):
            return [(plain.used, compiled.used) for plain, compiled in pairs]
        return [(plain.wall, compiled.wall) for plain, compiled in pairs]

    def _agrees(self, answer: torch.Tensor) -> bool:
        if self._right is None or self._right.shape != answer.shape:
            return False
        return bool(distance(answer, self._right) <= within(self.network))


def is_clear(pairs: list[tuple[float, float]]) -> bool:
    """Whether there are enough rounds, and three quarters of them say the same."""
    won = sum(compiled < WORTHWHILE * plain for plain, compiled in pairs)
    return len(pairs) >= FEWEST - 1 and not len(pairs) / 4 < won < len(pairs) * 3 / 4


def distance(answer: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """How far an answer is from the right one, in parts of its length; on their device. From one
    that is zero everywhere, only what is zero too is not far."""
    own = right.float()
    length = own.square().mean().clamp_min(torch.finfo(torch.float32).tiny)
    return (functional.mse_loss(answer.float(), own) / length) ** 0.5


def within(network: Network) -> float:
    """How far another way of running it may be from it."""
    if network.device.type == "cuda" and network.dtype == torch.float32:
        return APART_TF32
    return APART.get(network.dtype, APART[torch.bfloat16])


def timed(work: Callable[[], torch.Tensor], device: torch.device) -> tuple[torch.Tensor, Took]:
    """What the work makes, and its seconds, to the end of what a card does of it; there they count
    as the processors', which wait for it."""
    settle(device)
    started, before = time.perf_counter(), time.process_time()
    made = work()
    settle(device)
    wall, used = time.perf_counter() - started, time.process_time() - before
    return made, Took(wall, used if device.type == "cpu" else wall)
