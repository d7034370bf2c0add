"""Where a model's parts lie: on their device, or in main memory until their own work."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Visits:
    """How parts come to `device`: they lie there, or with `offload` they visit it."""

    device: torch.device
    offload: bool = False

    @contextmanager
    def of(self, *parts: Any) -> Iterator[None]:
        """The parts are on the device for as long as they work."""
        with ExitStack() as leaving:
            for part in parts if self.offload else ():
                part.to(self.device)
                leaving.callback(part.to, "cpu")
            yield
