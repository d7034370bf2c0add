"""Rows in which words and pictures are one sequence: where each token stands, what sees what."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from worker.engine.ground.transfer import sent


@dataclass(frozen=True)
class Span:
    """Words from `start` to `end`, and behind them a picture of so many tokens."""

    start: int
    end: int
    height: int
    width: int

    @property
    def words(self) -> int:
        return self.end - self.start

    @property
    def places(self) -> int:
        return self.height * self.width


class Places:
    """Tells a transformer's attentions where each row's tokens stand, row by row."""

    def __init__(self, transformer: Any) -> None:
        self._turns = torch.empty(0)
        self._axes: tuple[int, ...] = transformer.config.axes_dims_rope
        self._base: float = transformer.pos_embed.theta
        for block in transformer.transformer_blocks:
            for norm in (block.attn.norm_q, block.attn.norm_k):
                norm.register_forward_hook(self._turned)

    def turn(self, places: torch.Tensor, device: torch.device) -> None:
        """The next forward's tokens stand there: (n, tokens, 3) by frame, line and column."""
        where = sent(places, device).float()
        angles = torch.cat(
            [
                where[..., axis, None] * self._speeds(width, device)
                for axis, width in enumerate(self._axes)
            ],
            dim=-1,
        )
        self._turns = torch.polar(torch.ones_like(angles), angles).unsqueeze(2)

    def _speeds(self, width: int, device: torch.device) -> torch.Tensor:
        exponents = torch.arange(0, width, 2, device=device).float().div(width)
        return 1.0 / torch.pow(self._base, exponents)

    def _turned(self, _: torch.nn.Module, args: Any, heads: torch.Tensor) -> torch.Tensor:
        """Queries or keys (n, tokens, heads, width), turned by their places."""
        pairs = torch.view_as_complex(heads.float().reshape(*heads.shape[:-1], -1, 2))
        return torch.view_as_real(pairs * self._turns).flatten(3).type_as(heads)


def standing(spans: Sequence[Span], length: int, counts: Sequence[int]) -> torch.Tensor:
    """Where the tokens of rows stand, each row of so many `counts` words filled up to one `length`:
    words one behind the other on all axes, and a picture behind its words, around its middle."""
    at = 0
    parts: list[torch.Tensor] = []
    for span in spans:
        parts.append(torch.arange(at, at + span.words)[:, None].expand(-1, 3))
        at += span.words
        lines = torch.arange(span.height) - (span.height - span.height // 2)
        columns = torch.arange(span.width) - (span.width - span.width // 2)
        grid = torch.cartesian_prod(lines, columns)
        parts.append(torch.cat([torch.full((span.places, 1), at), grid], dim=1))
        at += max(span.height, span.width)
    rows = torch.cat(parts).repeat(len(counts), 1, 1)
    # What words were filled up with takes no place.
    rows[:, -spans[-1].places :, 0] -= length - torch.tensor(counts)[:, None]
    return rows


def seen(spans: Sequence[Span], length: int, counts: Sequence[int]) -> torch.Tensor:
    """The tokens of rows that may be looked at (n, tokens): all but what words were filled up
    with."""
    tokens = sum(span.words + span.places for span in spans)
    end = tokens - spans[-1].places
    filled = length - torch.tensor(counts)[:, None]
    where = torch.arange(tokens)
    return (where < end - filled) | (where >= end)


def over_rows(
    self: Any,
    words: torch.Tensor,
    pictures: Sequence[torch.Tensor],
    timesteps: torch.Tensor,
    spans: Sequence[Span],
    seen: torch.Tensor,
) -> torch.Tensor:
    """A QwenImage21Transformer2DModel's prediction (n, places, C) for the last of the pictures
    (n, places, C) that stand in `spans` of words (n, length, width)."""
    read = self.txt_in(words)
    parts: list[torch.Tensor] = []
    segments: list[tuple[int, int, bool]] = []
    at = 0
    for span, picture in zip(spans, pictures, strict=True):
        parts += [read[:, span.start : span.end], self.img_in(picture)]
        segments.append((at, at + span.words, True))
        at += span.words
        segments.append((at, at + span.places, False))
        at += span.places
    hidden = torch.cat(parts, dim=1)
    # Diffusers' processor has the last one see all by itself.
    ahead, _, _ = segments.pop()
    times, drawn = timesteps.to(hidden.dtype), None
    if self.config.causal_condition:
        times = torch.cat([times, times.new_zeros(1)])
        drawn = torch.arange(at, device=hidden.device) >= ahead
    told = self.time_text_embed(times, hidden)
    modulation = self.modulation(told)
    for block in self.transformer_blocks:
        hidden = block(
            hidden, modulation, target_token_mask=drawn, segments=segments, key_valid=seen
        )
    return self.proj_out(self.norm_out(hidden[:, ahead:], told[: len(words)]))
