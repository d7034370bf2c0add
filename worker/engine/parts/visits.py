"""Where a model's parts lie: on their device, in main memory until their own work, or on disk."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Literal

import torch
from diffusers.hooks.group_offloading import apply_group_offloading

from worker.engine.prompt.away import Away

Offload = Literal["always", "model", "group"]
"""What lies in main memory: all but the denoiser; all, of which one part at a time is on the
device; or all, of which the denoiser's layers come one after another as they are needed."""


class Visits:
    """How parts come to `device`: without `offload` they lie there.

    `denoiser` is the part that makes the steps. Text encoders that are `away` come from disk where
    they have something to read, and go before the next step.
    """

    def __init__(
        self,
        device: torch.device,
        offload: Offload | None = None,
        denoiser: Any = None,
        away: Sequence[Away] = (),
    ) -> None:
        self.device = device
        self.offload = offload
        self._denoiser = denoiser
        self._away = away
        if offload == "group":
            _in_groups(denoiser, device)
        if away or offload == "model":
            denoiser.register_forward_pre_hook(self._before_a_step)

    @property
    def none(self) -> bool:
        """Whether every part lies on the device for good."""
        return not (self.offload or self._away)

    @contextmanager
    def of(self, *parts: Any) -> Iterator[None]:
        """The parts are on the device for as long as they work."""
        if self.offload == "model":
            self._denoiser.to("cpu")
        with ExitStack() as leaving:
            for part in parts if self.offload else ():
                if any(one.is_of(part) for one in self._away):
                    continue
                part.to(self.device)
                leaving.callback(part.to, "cpu")
            yield

    def _before_a_step(self, *_: Any) -> None:
        for one in self._away:
            one.leave()
        if self.offload == "model":
            self._denoiser.to(self.device)


def _in_groups(denoiser: Any, device: torch.device) -> None:
    """Each layer comes to the device before its work and goes after it; on CUDA the next one is
    under way meanwhile."""
    apply_group_offloading(
        denoiser,
        onload_device=device,
        offload_device=torch.device("cpu"),
        offload_type="leaf_level",
        use_stream=device.type == "cuda",
    )
