"""Where a network looks at words: read from its own attention, without changing what it does."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode


@dataclass(frozen=True)
class Layout:
    """Where things stand in one row's attention: the picture's places among the queries (`count` of
    them from `places` on, or all), and the words among the keys, from `words` on. Where words look
    at each other in calls of their own, `keys` says how many there are when places look."""

    places: int = 0
    count: int | None = None
    words: int = 0
    keys: int | None = None


class Wanted:
    """Whose looks one row is watched for: the words, each by its tokens' places, and the layout."""

    def __init__(self, words: Sequence[Sequence[int]], layout: Layout) -> None:
        self.layout = layout
        self._words = words
        self._last = layout.words + max(place for word in words for place in word)
        self._sums: torch.Tensor | None = None

    def sums(self, keys: int, device: torch.device) -> torch.Tensor | None:
        """What adds up shares of so many keys by word: (words, keys), 1 for a word's tokens; None
        where the keys are not those of the words."""
        if self._last >= keys or self.layout.keys not in (None, keys):
            return None
        if self._sums is None or self._sums.shape[1] != keys:
            sums = torch.zeros(len(self._words), keys)
            for index, word in enumerate(self._words):
                sums[index, [self.layout.words + place for place in word]] = 1
            self._sums = sums.to(device)
        return self._sums


@dataclass(frozen=True)
class Look:
    """Of one attention of one row how much of each place's look went to each word: (words,
    places), the mean of heads."""

    layer: str
    shares: torch.Tensor


SCORES = 2**24
"""Numbers that are worked out at once: 64 MB, where all heads of a large picture take gigabytes."""


def looked(
    query: torch.Tensor,
    key: torch.Tensor,
    mask: torch.Tensor | None,
    scale: float | None,
    wanted: Wanted,
) -> torch.Tensor | None:
    """How much of each place's look goes to each word, from queries and keys (heads, length,
    width); None where the keys are not those of the words."""
    sums = wanted.sums(key.shape[1], key.device)
    if sums is None:
        return None
    layout = wanted.layout
    if layout.count is not None:
        query = query[:, layout.places : layout.places + layout.count]
        if mask is not None and mask.shape[-2] > 1:
            mask = mask[:, layout.places : layout.places + layout.count]
    if len(key) != len(query):
        key = key.repeat_interleave(len(query) // len(key), 0)
    factor = float(query.shape[-1] ** -0.5 if scale is None else scale)
    heads = max(1, SCORES // (query.shape[1] * key.shape[1]))
    found: torch.Tensor | None = None
    for start in range(0, len(query), heads):
        part = slice(start, start + heads)
        scores = query[part].float() @ key[part].float().transpose(-1, -2) * factor
        if mask is not None:
            own = mask[part] if len(mask) > 1 else mask
            if own.dtype == torch.bool:
                scores = scores.masked_fill(~own, float("-inf"))
            else:
                scores = scores + own
        shares = scores.softmax(-1).sum(0)
        found = shares if found is None else found + shares
    return None if found is None else sums @ found.transpose(0, 1) / len(query)


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
                found = looked(query[row], key[row], mask, scale, wanted)
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
