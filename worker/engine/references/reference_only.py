"""Reference-only: rows look at another row, which is a picture as noisy as they are, beside
themselves.

It needs no weights: in the attentions in which the places of a row see each other, they see those
of its reference as well, which walks through the network in the same forward.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from worker.engine.ground.transfer import sent
from worker.engine.references.attention import attend
from worker.engine.sampling.sampler import Sampler


@dataclass(frozen=True)
class Look:
    """A row that looks at the row `shown`, in the share `weight` of the attentions, the widest
    first; `fidelity` is how much of what it sees is without it. One that is `apart` is worked out
    by itself, so that it is equal to the bit whoever looks beside it."""

    row: int
    shown: int
    weight: float = 1.0
    fidelity: float = 0.0
    apart: bool = False


@dataclass(frozen=True)
class OwnReference:
    """The latents (1, C, h, w) of a picture that an image looks at as it looks at itself, and the
    noise that hides them as much as the image's own."""

    latents: torch.Tensor
    noise: torch.Tensor

    def at(self, sampler: Sampler) -> torch.Tensor:
        """What the network sees of it in the step to come."""
        return sampler.scale(sampler.noised(self.latents, self.noise))


@contextmanager
def looking(attentions: Sequence[Any], looks: Sequence[Look]) -> Iterator[None]:
    """Within it rows of a forward look at others in these attentions."""
    widest = sorted(attentions, key=lambda module: -module.query_dim) if looks else ()
    with ExitStack() as hooks:
        for number, module in enumerate(widest):
            acting = [look for look in looks if look.weight > number / len(widest)]
            if not acting:
                break
            sight = _Sight(module.heads, acting)
            for name, layer in (("q", module.to_q), ("k", module.to_k), ("v", module.to_v)):
                hooks.callback(layer.register_forward_hook(sight.hears(name)).remove)
            hooks.callback(module.to_out[0].register_forward_pre_hook(sight.added).remove)
        yield


class _Sight:
    """Of one attention: hears what rows ask and offer, and has some look at others' offers too."""

    def __init__(self, heads: int, looks: Sequence[Look]) -> None:
        self._heads = heads
        apart = looks[0].apart
        self._looks = [[look] for look in looks] if apart else [looks]
        self._heard: dict[str, torch.Tensor] = {}

    def hears(self, name: str) -> Any:
        def hear(_module: Any, _inputs: Any, output: torch.Tensor) -> None:
            self._heard[name] = output

        return hear

    def added(self, _module: Any, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        """A forward pre-hook of `to_out`."""
        seen, *others = inputs
        for looks in self._looks:
            rows, shown = (
                sent(torch.tensor(places), seen.device)
                for places in ([look.row for look in looks], [look.shown for look in looks])
            )
            answer = self._look(rows, shown).to(seen.dtype)
            fidelity = torch.tensor([look.fidelity for look in looks], dtype=seen.dtype)
            without = seen.index_select(0, rows)
            mixed = torch.lerp(answer, without, sent(fidelity, seen.device).view(-1, 1, 1))
            seen = seen.index_copy(0, rows, mixed)
        self._heard.clear()
        return (seen, *others)

    def _look(self, rows: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
        def split(part: torch.Tensor) -> torch.Tensor:
            return part.view(*part.shape[:2], self._heads, -1).transpose(1, 2)

        def both(name: str) -> torch.Tensor:
            heard = self._heard[name]
            return torch.cat([heard.index_select(0, rows), heard.index_select(0, shown)], dim=1)

        query = self._heard["q"].index_select(0, rows)
        answer: torch.Tensor = attend(split(query), split(both("k")), split(both("v")))
        return answer.transpose(1, 2).flatten(2)
