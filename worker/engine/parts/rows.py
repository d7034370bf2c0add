"""Rows: what a forward takes, each row one picture's question with its own timestep."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch

from worker.engine.ground.padding import cut
from worker.engine.parts.among import taken
from worker.engine.parts.control import ControlRows
from worker.engine.parts.t2i_adapter import AdapterRows
from worker.engine.references.reference_only import Look
from worker.engine.references.rows import ReferenceRows

COUNTED = torch.int32
"""The dtype of inputs that are numbers of something, which stay what they are in any model."""


@dataclass(frozen=True)
class Pair:
    """One input for one image, each (1, ...): with the prompt, and without for guidance; where a
    picture guides as well, without both."""

    prompt: torch.Tensor
    negative: torch.Tensor | None = None
    bare: torch.Tensor | None = None

    @property
    def without(self) -> torch.Tensor:
        """The row without the prompt; the same where the prompt makes no difference."""
        return self.prompt if self.negative is None else self.negative

    @property
    def without_both(self) -> torch.Tensor:
        """The row without prompt and picture; the same where the picture makes no difference."""
        return self.without if self.bare is None else self.bare


@dataclass(frozen=True)
class Rows:
    """A network's inputs, one row each: latents (n, C, h, w), timesteps (n,), and by name what
    else it takes, each (n, ...)."""

    latents: torch.Tensor
    timesteps: torch.Tensor
    inputs: dict[str, torch.Tensor]
    controls: list[ControlRows] = field(default_factory=list[ControlRows])
    adapters: list[AdapterRows] = field(default_factory=list[AdapterRows])
    references: list[ReferenceRows] = field(default_factory=list[ReferenceRows])
    looks: list[Look] = field(default_factory=list[Look])
    beyond: Sequence[int] = ()

    def __len__(self) -> int:
        return len(self.timesteps)

    def only(self, places: Sequence[int]) -> "Rows":
        """These rows without what steers them."""
        inputs = {name: taken(rows, places) for name, rows in self.inputs.items()}
        return Rows(taken(self.latents, places), taken(self.timesteps, places), inputs)

    def span(self, start: int, end: int, pad_to: int = 0) -> "Rows":
        """Rows `start` to `end`, behind them what of the others these look at (`beyond`), followed
        by copies of the first of them up to `pad_to` rows."""
        if start == 0 and end == len(self) >= pad_to:
            return self
        inside = range(start, end)
        looks = [look for look in self.looks if look.row in inside]
        beyond = [look.shown for look in looks if look.shown not in inside]
        places = [*inside, *beyond] if beyond else inside
        now = {place: at for at, place in enumerate(places)}

        def part(rows: torch.Tensor) -> torch.Tensor:
            return cut(rows, places, pad_to)

        controls = [rows.cut(places, pad_to) for rows in self.controls]
        return replace(
            self,
            latents=part(self.latents),
            timesteps=part(self.timesteps),
            inputs={name: part(rows) for name, rows in self.inputs.items()},
            controls=[rows for rows in controls if rows is not None],
            adapters=[rows.cut(places, pad_to) for rows in self.adapters],
            references=[rows.cut(places, pad_to) for rows in self.references],
            looks=[replace(look, row=now[look.row], shown=now[look.shown]) for look in looks],
            beyond=beyond,
        )
