"""Where what skipped a U-Net's depths joins its way up."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Junction:
    """A layer on the way up that is given the backbone's `channels` and, behind them, a skip; of
    the first or the second stage."""

    layer: Any
    channels: int
    stage: int
