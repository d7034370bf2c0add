"""Where a network looks at words: read from its own attention, without changing what it does."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode


@dataclass(frozen=True)
class Layout:
    """Where things stand in one row's attention: the picture's places among the queries (`count` of
    them from `places` on, or all), and the words among the keys, from `words` on."""

    places: int = 0
    count: int | None = None
    words: int = 0


@dataclass(frozen=True)
class Wanted:
    """Whose looks one row is watched for: the words, each by its tokens' places, and the layout."""

    words: Sequence[Sequence[int]]
    layout: Layout


@dataclass(frozen=True)
class Look:
    """Of one attention of one row how much of each place's look went to each word: (words,
    places), the mean of heads."""

    layer: str
    shares: torch.Tensor


SCORES = 2**24
"""Numbers that are worked out at once: 64 MB, where all heads of a large picture take gigabytes."""


def shares(
    query: torch.Tensor,
    key: torch.Tensor,
    mask: torch.Tensor | None,
    scale: float | None,
    wanted: Wanted,
) -> torch.Tensor | None:
    """How much of each place's look goes to each word, from queries and keys (heads, length,
    width); None where the keys are not those of the words."""
    layout, tokens = wanted.layout, [each for word in wanted.words for each in word]
    if layout.words + max(tokens) >= key.shape[1]:
        return None
    end = None if layout.count is None else layout.places + layout.count
    here = slice(layout.places, end)
    query = query[:, here]
    if len(key) != len(query):
        key = key.repeat_interleave(len(query) // len(key), 0)
    factor = float(query.shape[-1] ** -0.5 if scale is None else scale)
    if mask is not None:
        mask = (mask[:, here] if mask.shape[-2] > 1 else mask).expand(len(query), -1, -1)
    places = torch.tensor(tokens, device=query.device) + layout.words
    heads = max(1, SCORES // (query.shape[1] * key.shape[1]))
    found = query.new_zeros(len(tokens), query.shape[1], dtype=torch.float32)
    for start in range(0, len(query), heads):
        part = slice(start, start + heads)
        scores = query[part].float() @ key[part].float().transpose(-1, -2) * factor
        if mask is not None:
            own = mask[part]
            if own.dtype == torch.bool:
                scores = scores.masked_fill(~own, float("-inf"))
            else:
                scores = scores + own
        found += scores.softmax(-1)[..., places].sum(0).transpose(0, 1)
    found = found / len(query)
    words = cast("tuple[torch.Tensor, ...]", found.split([len(word) for word in wanted.words]))
    return torch.stack([each.sum(0) for each in words])


class _Reader(TorchFunctionMode):
    """Sees what goes into the attention of the module that runs."""

    def __init__(self, see: Callable[..., None]) -> None:
        super().__init__()
        self._see = see

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> torch.Tensor:
        given: dict[str, Any] = kwargs or {}
        if func is functional.scaled_dot_product_attention:
            self._see(*args, **given)
        return func(*args, **given)


@dataclass
class Watch:
    """What rows of a forward looked at, filled as it runs, the seconds that it took to tell, and
    whether any of the modules ran at all."""

    seen: Mapping[int, list[Look]]
    seconds: float = 0.0
    ran: bool = False


@contextmanager
def watched(modules: Mapping[str, Any], rows: Mapping[int, Wanted]) -> Iterator[Watch]:
    """Of these rows of the forwards within, what each module looked at.

    The others' rows are not touched, nor is any result. What went in is not kept: the queries of
    one large picture take hundreds of megabytes.
    """
    watch = Watch({row: [] for row in rows})

    def hook(layer: str) -> tuple[Callable[..., None], Callable[..., None]]:
        def see(
            query: torch.Tensor,
            key: torch.Tensor,
            value: torch.Tensor,
            attn_mask: torch.Tensor | None = None,
            dropout_p: float = 0.0,
            is_causal: bool = False,
            scale: float | None = None,
            **_: Any,
        ) -> None:
            started = time.perf_counter()
            for row, wanted in rows.items():
                mask = None if attn_mask is None else attn_mask[row if len(attn_mask) > 1 else 0]
                while mask is not None and mask.dim() < 3:
                    mask = mask[None]
                found = shares(query[row], key[row], mask, scale, wanted)
                if found is not None:
                    watch.seen[row].append(Look(layer, found))
            watch.seconds += time.perf_counter() - started

        reader = _Reader(see)

        def begin(*_: Any) -> None:
            watch.ran = True
            reader.__enter__()

        def end(*_: Any) -> None:
            reader.__exit__(None, None, None)

        return begin, end

    with ExitStack() as hooks:
        for layer, module in modules.items():
            begin, end = hook(layer)
            hooks.callback(module.register_forward_pre_hook(begin).remove)
            hooks.callback(module.register_forward_hook(end, always_call=True).remove)
        yield watch


def grid(places: int, height: int, width: int) -> tuple[int, int]:
    """Height and width of so many places that lie over latents of this size."""
    down = max(1, round((height * width / places) ** 0.5))
    for rows in (height // down, -(-height // down)):
        if rows and places % rows == 0:
            return rows, places // rows
    raise ValueError(f"{places} places do not lie over latents of {height}x{width}")
