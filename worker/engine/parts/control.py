"""ControlNets (arXiv 2302.05543): pictures that steer a network, each through a net of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from worker.engine.errors import InvalidRequest
from worker.engine.ground.padding import padded
from worker.engine.ground.transfer import sent
from worker.engine.parts.emphasis import Emphasis, shares_of
from worker.engine.request import Control, IPAdapter, Picture


@dataclass(frozen=True, eq=False)
class LoadedControlNet:
    """A diffusers ControlNetModel, ControlNetUnionModel or one of the transformers' kinds, on its
    device and in its dtype; of those that were trained for several kinds of pictures, for which it
    is taken where nothing else is said."""

    name: str
    net: Any
    device: torch.device
    dtype: torch.dtype
    mode: int | None = None

    @property
    def prompt_only(self) -> bool:
        """Whether it steers only the rows with the prompt: those without have weight 0."""
        return bool(self.net.config.get("global_pool_conditions"))

    @property
    def types(self) -> int:
        """Kinds of pictures that it tells apart by itself; 0 for one of one kind."""
        return int(self.net.config.get("num_control_type") or 0)


@dataclass(frozen=True)
class ControlRows:
    """One ControlNet for the rows of a forward: their pictures as the family shows them to it, a
    UNet's (n, 3, H, W), 0 to 1, in pixels of the image; how strongly it acts on each; and of which
    kind the pictures are, where it knows several."""

    control: LoadedControlNet
    pictures: torch.Tensor
    emphasis: Emphasis
    control_type: int | None = None

    def span(self, start: int, end: int, pad_to: int) -> "ControlRows":
        """Rows `start` to `end`, followed by copies of the first of them up to `pad_to` rows."""
        return replace(
            self,
            pictures=padded(self.pictures[start:end], pad_to),
            emphasis=self.emphasis.span(start, end, pad_to),
        )


def residuals(
    latents: torch.Tensor,
    timesteps: torch.Tensor,
    text: torch.Tensor,
    controls: Sequence[ControlRows],
    added: Mapping[str, torch.Tensor] | None = None,
) -> dict[str, Any]:
    """What the ControlNets add to a UNet's forward of these rows, as its keyword arguments.

    `latents` (n, C, h, w) are scaled as the UNet's, without an inpainting UNet's own channels;
    `timesteps` (n,), `text` (n, L, D), and `added` is SDXL's text_embeds and time_ids. A row
    with weight 0 gets 0; a net whose weights are all 0 does not run, and if none does the
    answer is empty.
    """
    down: list[torch.Tensor] = []
    middle: torch.Tensor | None = None
    for rows in controls:
        if not rows.emphasis.acts:
            continue
        device, dtype = rows.control.device, rows.control.dtype
        weights = rows.emphasis.row_weights(device, dtype)
        pictures = rows.pictures.to(device, dtype)
        found, last = rows.control.net(
            latents.to(dtype),
            timesteps,
            encoder_hidden_states=text.to(dtype),
            added_cond_kwargs=None if added is None else dict(added),
            return_dict=False,
            **_asked(rows, pictures, weights),
        )
        shares = shares_of(len(found) + 1, pooled=rows.control.prompt_only)
        *more, more_middle = rows.emphasis.shaped([*found, last], shares)
        if middle is None:
            down, middle = more, more_middle
        else:
            down = [one + other for one, other in zip(down, more, strict=True)]
            middle = middle + more_middle
    if middle is None:
        return {}
    return {"down_block_additional_residuals": down, "mid_block_additional_residual": middle}


def _asked(rows: ControlRows, pictures: torch.Tensor, weights: torch.Tensor) -> dict[str, Any]:
    """What a net is told of the pictures: one of several kinds also of which they are."""
    if not rows.control.types:
        return {"controlnet_cond": pictures, "conditioning_scale": weights}
    kind = rows.control_type or 0
    types = torch.zeros(len(pictures), rows.control.types)
    types[:, kind] = 1
    return {
        "controlnet_cond": [pictures],
        "conditioning_scale": [weights],
        "control_type": sent(types, pictures.device).to(pictures.dtype),
        "control_type_idx": [kind],
    }


Samples = list[torch.Tensor]
"""What a ControlNet adds behind each block of a transformer, (n, tokens, width) each."""


def block_samples(
    controls: Sequence[ControlRows],
    ask: Callable[[ControlRows, torch.Tensor], Sequence[Samples | None]],
) -> list[Samples | None]:
    """What the ControlNets add to a transformer's forward of these rows, together: as many lists as
    `ask`, which runs one of them, gives. It is told how strongly it acts on each row (n, 1, 1).

    A net whose weights are all 0 does not run, and if none does the answer is empty. Raises
    InvalidRequest for nets of different depths.
    """
    total: list[Samples | None] = []
    for rows in controls:
        if not rows.emphasis.acts:
            continue
        weights = rows.emphasis.row_weights(rows.control.device, rows.control.dtype)
        found = list(ask(rows, weights.view(-1, 1, 1)))
        total = [_sum(*pair) for pair in zip(total, found, strict=True)] if total else found
    return total


def _sum(one: Samples | None, other: Samples | None) -> Samples | None:
    if one is None or other is None:
        return other if one is None else one
    if len(one) != len(other):
        raise InvalidRequest(
            f"controls: one of them adds to {len(one)} blocks and another to {len(other)}, so they"
            " cannot act together."
        )
    return [first + second for first, second in zip(one, other, strict=True)]


def control_tensor(picture: Picture) -> torch.Tensor:
    """A ControlNet's picture (H, W, 3) as its net reads it: (1, 3, H, W) in fp32, 0 to 1."""
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255


def weight_at(control: Control | IPAdapter, index: int, steps: int) -> float:
    """How strongly a ControlNet or an IP-Adapter acts at forward `index` of `steps`: its weight, or
    0 outside its `start` and `end`."""
    outside = index / steps < control.start or (index + 1) / steps > control.end
    return 0.0 if outside else control.weight
