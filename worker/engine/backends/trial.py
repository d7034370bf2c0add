"""A compiled network against the plain one: the same answers, and in less time?"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

import torch

from worker.engine.backends.cabinet import WORTHWHILE, Comparison
from worker.engine.backends.call import Call
from worker.engine.backends.network import Network
from worker.engine.backends.openvino import CompiledNetwork

FEWEST, MOST = 5, 15
"""Times that each runs, in turn, so that what else the machine does slows both alike; the first
only warms up. More than the fewest where those do not say which is faster. Medians count: on a busy
machine the fastest of a few tells who was lucky once (65 ms in PyTorch and 94 compiled, where the
medians were 853 and 246)."""

SLOW = 2.0
"""Seconds of a forward past which one round has to say it all."""

APART = {torch.float32: 1e-4, torch.bfloat16: 5e-2}
"""How far the answers may be apart, in parts of their length. In float32 OpenVINO came to 1e-6, and
a picture moves by a level in a colour here and there; in bfloat16 either is 6e-3 from float32."""


@dataclass
class Trial:
    """Runs both in turn, one forward each time that it is advanced."""

    network: Network
    compiled: CompiledNetwork
    call: Call
    eager_s: list[float] = field(default_factory=list[float])
    compiled_s: list[float] = field(default_factory=list[float])
    agreed: bool = True
    _right: torch.Tensor | None = None

    def advance(self) -> Comparison | None:
        """One forward; what came of it all once it is over."""
        if len(self.eager_s) == len(self.compiled_s):
            self.network.make_plain()
            args, kwargs = self.call.arguments(self.call.tensors)
            self._right, seconds = timed(lambda: self.network.eager(*args, **kwargs))
            self.eager_s.append(seconds)
            return None
        answer, seconds = timed(lambda: self.compiled.run(self.call))
        self.compiled_s.append(seconds)
        self.agreed = self.agreed and self._agrees(answer)
        self._right = None
        if self.agreed and len(self.compiled_s) < self._rounds and not self._is_clear:
            return None
        eager, compiled = (median(each[1:] or each) for each in (self.eager_s, self.compiled_s))
        return Comparison(eager, compiled, self.agreed)

    @property
    def _rounds(self) -> int:
        return MOST if min(self.eager_s) < SLOW else 2

    @property
    def _is_clear(self) -> bool:
        """Whether three quarters of the rounds say the same."""
        pairs = list(zip(self.eager_s, self.compiled_s, strict=True))[1:]
        won = sum(compiled < WORTHWHILE * eager for eager, compiled in pairs)
        return len(pairs) >= FEWEST - 1 and not len(pairs) / 4 < won < len(pairs) * 3 / 4

    def _agrees(self, answer: torch.Tensor) -> bool:
        if self._right is None or self._right.shape != answer.shape:
            return False
        right = self._right.float()
        apart = (answer.float() - right).norm() / right.norm().clamp(min=1e-6)
        return bool(apart <= APART[self.network.dtype])


def timed(work: Callable[[], torch.Tensor]) -> tuple[torch.Tensor, float]:
    """What the work makes, and its seconds."""
    started = time.perf_counter()
    made = work()
    return made, time.perf_counter() - started
