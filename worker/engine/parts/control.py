"""ControlNets (arXiv 2302.05543): pictures that steer a network, each through a net of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch

from worker.engine.ground.padding import cut, cut_numbers
from worker.engine.ground.transfer import sent
from worker.engine.parts.among import spread, taken
from worker.engine.parts.emphasis import Emphasis, shares_of
from worker.engine.parts.seamless import wrapping
from worker.engine.request import Control, IPAdapter, Picture, ReferenceOnly, Tiling


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
    """One ControlNet for some rows of a forward, those at `places`: their pictures as the family
    shows them to it, a UNet's (k, 3, H, W), 0 to 1, in pixels of the image; how strongly it acts on
    each; which edges of each meet (k), none where nothing is said; of which kind the pictures are,
    where it knows several; and by name the prompts (k, ...) that it reads, where those are not the
    rows' own."""

    control: LoadedControlNet
    places: Sequence[int]
    pictures: torch.Tensor
    emphasis: Emphasis
    tilings: Sequence[Tiling] = ()
    control_type: int | None = None
    prompts: Mapping[str, torch.Tensor] = field(default_factory=dict[str, torch.Tensor])

    def cut(self, places: Sequence[int], pad_to: int) -> "ControlRows | None":
        """Of the rows at these places those that it acts on, counted among them; where they are
        followed by copies of the first of them up to `pad_to`, it acts on all. None without any."""
        where = {place: at for at, place in enumerate(self.places)}
        own = [at for at, place in enumerate(places) if place in where]
        if not own:
            return None
        kept = [where[places[at]] for at in own]
        # All that lie side by side are one piece of memory.
        mine = range(kept[0], kept[-1] + 1) if kept == [*range(kept[0], kept[-1] + 1)] else kept
        return replace(
            self,
            places=[*own, *range(len(places), pad_to)],
            pictures=cut(self.pictures, mine, pad_to),
            emphasis=self.emphasis.cut(mine, pad_to),
            tilings=cut_numbers(self.tilings, mine, pad_to) if self.tilings else (),
            prompts={name: cut(rows, mine, pad_to) for name, rows in self.prompts.items()},
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
    `timesteps` (n,), `text` (n, L, D), and `added` is SDXL's text_embeds and time_ids. A net runs
    for its own rows; all others, and those with weight 0, get 0. One whose weights are all 0 does
    not run, and if none does the answer is empty.
    """
    count = len(latents)
    down: list[torch.Tensor] = []
    middle: torch.Tensor | None = None
    for rows in controls:
        if not rows.emphasis.acts:
            continue
        device, dtype = rows.control.device, rows.control.dtype
        weights = rows.emphasis.row_weights(device, dtype)
        pictures = rows.pictures.to(device, dtype)
        told = {name: taken(each, rows.places) for name, each in (added or {}).items()}
        with wrapping([rows.control.net], rows.tilings):
            found, last = rows.control.net(
                taken(latents, rows.places).to(dtype),
                taken(timesteps, rows.places),
                encoder_hidden_states=taken(text, rows.places).to(dtype),
                added_cond_kwargs=None if added is None else told,
                return_dict=False,
                **_asked(rows, pictures, weights),
            )
        shares = shares_of(len(found) + 1, pooled=rows.control.prompt_only)
        shaped = rows.emphasis.shaped([*found, last], shares)
        *more, more_middle = (spread(each, rows.places, count) for each in shaped)
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
"""What a ControlNet adds behind each block of a transformer, (rows, tokens, width) each."""


def block_samples(
    controls: Sequence[ControlRows],
    rows: int,
    ask: Callable[[ControlRows, torch.Tensor], Sequence[Samples | None]],
) -> list[Samples | None]:
    """What the ControlNets add to a transformer's forward of so many rows, together: as many lists
    as `ask`, which runs one of them for its own rows, gives, each with what it adds behind each
    block. It is told how strongly it acts on each of its rows (k, 1, 1).

    A net whose weights are all 0 does not run, and if none does the answer is empty.
    """
    total: list[Samples | None] = []
    for each in controls:
        if not each.emphasis.acts:
            continue
        weights = each.emphasis.row_weights(each.control.device, each.control.dtype)
        among = partial(spread, places=each.places, rows=rows)
        answers = ask(each, weights.view(-1, 1, 1))
        found = [answer and _once(among, *zip(answer, strict=True)) for answer in answers]
        total = [_sum(*pair) for pair in zip(total, found, strict=True)] if total else found
    return total


def behind_each(samples: Samples | None, blocks: int, *, by_turns: bool = False) -> Samples | None:
    """What is added behind each of so many blocks by a net that has fewer: the same to as many of
    them, one after another, as there are whole ones to each, or by turns."""
    if not samples:
        return None
    few = len(samples)
    each = -(-blocks // few)
    return [samples[block % few if by_turns else block // each] for block in range(blocks)]


def _sum(one: Samples | None, other: Samples | None) -> Samples | None:
    if one is None or other is None:
        return other if one is None else one
    return _once(torch.add, *zip(one, other, strict=True))


def _once(work: Callable[..., torch.Tensor], *each: tuple[torch.Tensor, ...]) -> Samples:
    """What is made of each, once of the same: several blocks are given one tensor."""
    made: dict[tuple[int, ...], torch.Tensor] = {}
    for parts in each:
        key = tuple(map(id, parts))
        if key not in made:
            made[key] = work(*parts)
    return [made[tuple(map(id, parts))] for parts in each]


def control_tensor(picture: Picture) -> torch.Tensor:
    """A ControlNet's picture (H, W, 3) as its net reads it: (1, 3, H, W) in fp32, 0 to 1."""
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255


def weight_at(control: Control | IPAdapter | ReferenceOnly, index: int, steps: int) -> float:
    """How strongly a ControlNet or an IP-Adapter acts at forward `index` of `steps`: its weight, or
    0 outside its `start` and `end`."""
    outside = index / steps < control.start or (index + 1) / steps > control.end
    return 0.0 if outside else control.weight
