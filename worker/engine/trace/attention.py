"""Where a network looks at words: read from its own attention, without changing what it does."""

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
    them from `places` on, or all), and the words among the keys, from `words` on."""

    places: int = 0
    count: int | None = None
    words: int = 0


@dataclass(frozen=True)
class Look:
    """What went into one attention for one row: queries and keys (heads, length, width)."""

    layer: str
    query: torch.Tensor
    key: torch.Tensor
    mask: torch.Tensor | None
    scale: float | None

    def shares(self, layout: Layout, words: Sequence[int]) -> torch.Tensor:
        """How much of each place's look goes to each word: (words, places), the mean of heads."""
        end = None if layout.count is None else layout.places + layout.count
        here = slice(layout.places, end)
        query, key = self.query[:, here].float(), self.key.float()
        if len(key) != len(query):
            key = key.repeat_interleave(len(query) // len(key), 0)
        scale = query.shape[-1] ** -0.5 if self.scale is None else self.scale
        scores = query @ key.transpose(-1, -2) * scale
        mask = self.mask
        if mask is not None:
            mask = mask[:, here] if mask.shape[-2] > 1 else mask
            if mask.dtype == torch.bool:
                scores = scores.masked_fill(~mask, float("-inf"))
            else:
                scores = scores + mask
        shares = scores.softmax(-1).mean(0)
        keys = torch.tensor(words, device=shares.device) + layout.words
        return shares[:, keys].transpose(0, 1)


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


@contextmanager
def watched(
    modules: Mapping[str, Any], rows: Sequence[int]
) -> Iterator[Mapping[int, Sequence[Look]]]:
    """Of these rows of the forwards within, what each module looked at, filled as they run.

    The others' rows are not touched, nor is any result: what goes in is copied for these rows.
    """
    seen: dict[int, list[Look]] = {row: [] for row in rows}

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
            for row in rows:
                mask = None if attn_mask is None else attn_mask[row if len(attn_mask) > 1 else 0]
                while mask is not None and mask.dim() < 3:
                    mask = mask[None]
                seen[row].append(Look(layer, query[row].clone(), key[row].clone(), mask, scale))

        reader = _Reader(see)

        def begin(*_: Any) -> None:
            reader.__enter__()

        def end(*_: Any) -> None:
            reader.__exit__(None, None, None)

        return begin, end

    with ExitStack() as hooks:
        for layer, module in modules.items():
            begin, end = hook(layer)
            hooks.callback(module.register_forward_pre_hook(begin).remove)
            hooks.callback(module.register_forward_hook(end, always_call=True).remove)
        yield seen


def grid(places: int, height: int, width: int) -> tuple[int, int]:
    """Height and width of so many places that lie over latents of this size."""
    down = max(1, round((height * width / places) ** 0.5))
    for rows in (height // down, -(-height // down)):
        if rows and places % rows == 0:
            return rows, places // rows
    raise ValueError(f"{places} places do not lie over latents of {height}x{width}")
