"""How an IP-Adapter acts: what rows see of their pictures is added to what they see of words.

By forward hooks for one forward at a time, as LoRAs act: nothing is injected, and without a
reference the network is what it always was.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch.nn import functional

from worker.engine.errors import InvalidRequest
from worker.engine.ground.transfer import sent
from worker.engine.references.ip_adapter import Layer, LoadedIPAdapter
from worker.engine.references.rows import ReferenceRows
from worker.engine.trace.attention import grid

attend: Any = torch.ops.aten.scaled_dot_product_attention
"""The operator itself: a trace that watches attentions to words sees the function."""


@contextmanager
def referring(
    attentions: Mapping[str, Any], references: Sequence[ReferenceRows], height: int, width: int
) -> Iterator[None]:
    """Within it the attentions to text see each row's pictures as well. `height` and `width` are
    the latents'. Raises InvalidRequest for an adapter that was made for another network."""
    if not references:
        yield
        return
    for each in references:
        _check(each.adapter, attentions)
    acting = [_Acting(each, height, width) for each in references]
    with ExitStack() as hooks:
        for number, module in enumerate(attentions.values()):
            layers = [(each, each.rows.adapter.layers[number]) for each in acting]
            sight = _Sight(module.heads, layers)
            hooks.callback(module.to_q.register_forward_hook(sight.asked).remove)
            hooks.callback(module.to_out[0].register_forward_pre_hook(sight.added).remove)
        yield


def _check(adapter: LoadedIPAdapter, attentions: Mapping[str, Any]) -> None:
    has = [len(keys) for keys, _ in adapter.layers]
    wanted = [module.inner_dim for module in attentions.values()]
    if has != wanted:
        raise InvalidRequest(
            f"ip_adapters: {adapter.name} has {len(has)} attentions of widths {_span(has)}; the"
            f" model has {len(wanted)} of widths {_span(wanted)}."
        )


def _span(widths: list[int]) -> str:
    return f"{min(widths)} to {max(widths)}" if widths else "0"


class _Acting:
    """One adapter for one forward: how strongly it acts, and where."""

    def __init__(self, rows: ReferenceRows, height: int, width: int) -> None:
        self.rows = rows
        weights = torch.tensor(rows.weights, dtype=torch.float32).to(rows.tokens.dtype)
        self._weights = sent(weights, rows.tokens.device).view(-1, 1, 1)
        self._size = height, width
        self._at: dict[int, torch.Tensor] = {}

    def weighed(self, answer: torch.Tensor) -> torch.Tensor:
        """What it adds of an answer (n, places, width)."""
        if self.rows.areas is None:
            return self._weights * answer
        places = answer.shape[1]
        if places not in self._at:
            size = grid(places, *self._size)
            smaller = functional.interpolate(self.rows.areas, size=size, mode="bicubic")
            self._at[places] = smaller.flatten(1)[..., None].to(answer.dtype)
        return self._weights * (answer * self._at[places])


class _Sight:
    """Of one attention: hears what the rows ask, and adds what the pictures answer."""

    def __init__(self, heads: int, layers: Sequence[tuple[_Acting, Layer]]) -> None:
        self._heads = heads
        self._layers = layers
        self._query: torch.Tensor | None = None

    def asked(self, _module: Any, _inputs: Any, query: torch.Tensor) -> None:
        """A forward hook of `to_q`."""
        self._query = query

    def added(self, _module: Any, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        """A forward pre-hook of `to_out`."""
        seen, *others = inputs
        query = self._query
        if query is None:
            return inputs
        self._query = None
        for acting, layer in self._layers:
            keys, values = (functional.linear(acting.rows.tokens, each) for each in layer)
            seen = seen + acting.weighed(self._look(query, keys, values))
        return (seen, *others)

    def _look(self, query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        def split(rows: torch.Tensor) -> torch.Tensor:
            return rows.view(*rows.shape[:2], self._heads, -1).transpose(1, 2)

        answer: torch.Tensor = attend(split(query), split(keys), split(values))
        return answer.transpose(1, 2).flatten(2)
