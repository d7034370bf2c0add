"""What is added to a model for one picture: as it was loaded, and as one pass is given it."""

from dataclasses import dataclass, field
from typing import Any

import torch

from worker.engine.faces.restorer import FaceRestorer
from worker.engine.parts.control import LoadedControlNet
from worker.engine.parts.lora import LoraWeights
from worker.engine.parts.rows import Pair
from worker.engine.parts.t2i_adapter import Features, LoadedT2IAdapter
from worker.engine.parts.upscaler import PixelUpscaler
from worker.engine.references.ip_adapter import LoadedIPAdapter
from worker.engine.request import Control, IPAdapter


@dataclass(frozen=True)
class AddOns:
    """What a task's picture adds to its model, each as it was loaded: by name."""

    loras: dict[str, LoraWeights] = field(default_factory=dict[str, LoraWeights])
    controls: dict[str, LoadedControlNet | LoadedT2IAdapter] = field(
        default_factory=dict[str, LoadedControlNet | LoadedT2IAdapter]
    )
    ip_adapters: dict[str, LoadedIPAdapter] = field(default_factory=dict[str, LoadedIPAdapter])
    upscaler: PixelUpscaler | None = None
    vae: Any | None = None
    face_restorer: FaceRestorer | None = None


@dataclass(frozen=True)
class ControlInput:
    """A ControlNet with its picture (1, 3, height, width) of this pass, on the device, and where in
    the image it acts (1, 1, height, width)."""

    control: Control
    net: LoadedControlNet
    picture: torch.Tensor
    area: torch.Tensor | None = None

    @property
    def label(self) -> str:
        """What tells it apart from others that may not share a forward."""
        kind = self.control_type
        return self.control.name if kind is None else f"{self.control.name}/{kind}"

    @property
    def control_type(self) -> int | None:
        """Of which kind the picture is, for a net that knows several."""
        said = self.control.control_type
        return (self.net.mode if said is None else said) if self.net.types else None


@dataclass(frozen=True)
class AdapterInput:
    """A T2I-Adapter with what it adds to a picture of this pass, and where in it (1, 1, height,
    width), on the device."""

    control: Control
    adapter: LoadedT2IAdapter
    features: Features
    area: torch.Tensor | None = None


@dataclass(frozen=True)
class ReferenceInput:
    """An IP-Adapter with what it shows the rows of a picture, and where in the picture it acts
    (1, 1, height, width), on the device."""

    wanted: IPAdapter
    adapter: LoadedIPAdapter
    tokens: Pair
    area: torch.Tensor | None = None
