"""ControlNets (arXiv 2302.05543): pictures that steer a network, each through a net of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from worker.engine.errors import InvalidRequest
from worker.engine.request import Control, IPAdapter, Picture
from worker.engine.transfer import sent


@dataclass(frozen=True, eq=False)
class LoadedControlNet:
    """A diffusers ControlNetModel, or one of the transformers' kinds, on its device and in its
    dtype; of those that were trained for several kinds of pictures, for which it is taken."""

    name: str
    net: Any
    device: torch.device
    dtype: torch.dtype
    mode: int | None = None

    @property
    def prompt_only(self) -> bool:
        """Whether it steers only the rows with the prompt: those without have weight 0."""
        return bool(self.net.config.get("global_pool_conditions"))


@dataclass(frozen=True)
class ControlRows:
    """One ControlNet for the rows of a forward: their pictures as the family shows them to it, a
    UNet's (n, 3, H, W), 0 to 1, in pixels of the image; and how strongly it acts on each (n)."""

    control: LoadedControlNet
    pictures: torch.Tensor
    weights: Sequence[float]


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
        if not any(rows.weights):
            continue
        device, dtype = rows.control.device, rows.control.dtype
        weights = torch.tensor(rows.weights, dtype=torch.float32).to(dtype)
        more, more_middle = rows.control.net(
            latents.to(dtype),
            timesteps,
            encoder_hidden_states=text.to(dtype),
            controlnet_cond=rows.pictures.to(device, dtype),
            conditioning_scale=sent(weights, device).view(-1, 1, 1, 1),
            added_cond_kwargs=None if added is None else dict(added),
            return_dict=False,
        )
        if middle is None:
            down, middle = list(more), more_middle
        else:
            down = [one + other for one, other in zip(down, more, strict=True)]
            middle = middle + more_middle
    if middle is None:
        return {}
    return {"down_block_additional_residuals": down, "mid_block_additional_residual": middle}


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
        if not any(rows.weights):
            continue
        weights = sent(torch.tensor(rows.weights, dtype=torch.float32), rows.control.device)
        found = list(ask(rows, weights.to(rows.control.dtype).view(-1, 1, 1)))
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
