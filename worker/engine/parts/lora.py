"""LoRAs (arXiv 2106.09685): small changes of a model's layers, put on and taken off between steps.

A LoRA acts by forward hooks, so the model's own modules and weights are never touched: putting a
set on takes less than a millisecond, nothing is injected while others wait, and without a LoRA
the model is what it always was, to the bit.
"""

import itertools
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn import functional

from worker.engine.errors import ModelUnavailable
from worker.engine.parts.lora_forms import WeightChange
from worker.engine.request import Lora


@dataclass(frozen=True, eq=False)
class LoraLayer:
    """What is added to one layer's output at weight 1: up(down(x)).

    `down` is (rank, in) and `up` (out, rank) for a linear layer; for a convolution `down` is
    (rank, in, height, width) and `up` (out, rank, 1, 1).
    """

    down: torch.Tensor
    up: torch.Tensor

    def fits(self, module: Any) -> bool:
        """Whether `module` is a layer of this shape."""
        if not isinstance(module, torch.nn.Linear | torch.nn.Conv2d):
            return False
        down, up, weight = self.down.shape, self.up.shape, module.weight.shape
        if isinstance(module, torch.nn.Linear):
            # The weight itself may be packed.
            weight = torch.Size((module.out_features, module.in_features))
        pointwise = up[2:] == (1,) * (len(down) - 2)
        return down[1:] == weight[1:] and up[:2] == (weight[0], down[0]) and pointwise

    def change(self, module: Any, inputs: torch.Tensor) -> torch.Tensor:
        """What it adds to `module`'s output for `inputs`."""
        if self.down.dim() == 2:
            return functional.linear(functional.linear(inputs, self.down), self.up)
        narrow = functional.conv2d(
            inputs, self.down, None, module.stride, module.padding, module.dilation
        )
        return functional.conv2d(narrow, self.up)

    @property
    def tensors(self) -> list[torch.Tensor]:
        """All that it holds."""
        return [self.down, self.up]

    @property
    def shape(self) -> str:
        """From how many channels to how many it goes, in words."""
        return f"a layer from {self.down.shape[1]} to {self.up.shape[0]} channels"


Layer = LoraLayer | WeightChange

Layers = Mapping[str, Layer]
"""By the path of the layer, as `named_modules` gives it, without CLIP's `text_model.`; its dots may
be underscores, as kohya's trainers write them."""


_serial = itertools.count()


@dataclass(frozen=True, eq=False)
class LoraWeights:
    """A loaded LoRA on its device: its layers for the UNet, or the transformer that stands for one,
    and for each text encoder.

    `serial` is another each time that one is loaded: what was remembered of a prompt with a LoRA
    is not true of the file that took its place under its name.
    """

    name: str
    unet: Layers
    text_encoders: Sequence[Layers] = ()
    serial: int = field(default_factory=lambda: next(_serial), init=False)

    @property
    def parts(self) -> list[Layers]:
        """The layers of the UNet, then of each text encoder."""
        return [self.unet, *self.text_encoders]

    @property
    def bytes(self) -> int:
        """Memory that its weights take."""
        layers = [layer for part in self.parts for layer in part.values()]
        tensors = [tensor for layer in layers for tensor in layer.tensors]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


Hook = Callable[[Any, tuple[Any, ...], torch.Tensor], torch.Tensor]


class LoraSwitch:
    """Puts LoRAs on one model. Not thread-safe: the thread that runs the model uses it.

    It knows a LoRA for as long as somebody else holds it, and keeps no LoraWeights alive.
    """

    def __init__(
        self, denoiser: Any, text_encoders: Sequence[Any], *, denoiser_name: str = "UNet"
    ) -> None:
        names = [
            denoiser_name,
            *(f"text encoder {number + 1}" for number in range(len(text_encoders))),
        ]
        models = [denoiser, *text_encoders]
        self._parts = [(name, _modules(model)) for name, model in zip(names, models, strict=True)]
        self._known: weakref.WeakValueDictionary[str, LoraWeights] = weakref.WeakValueDictionary()
        self._active: list[tuple[weakref.ref[LoraWeights], tuple[float, float]]] = []
        self._hooks: list[Any] = []

    def hold(self, weights: LoraWeights) -> None:
        """Takes a LoRA in, so that `use` finds it by its name while the caller holds it.

        Raises ModelUnavailable, naming the first layer, where it does not fit the model.
        """
        if self._known.get(weights.name) is not weights:
            self._check(weights)
            self._known[weights.name] = weights

    def use(self, loras: Sequence[Lora]) -> None:
        """Makes the next forwards those of the model with exactly these LoRAs.

        Costs nothing where they are on already. Raises KeyError for one that nobody holds.
        """
        wanted = [(self._known[lora.name], (lora.weight, lora.reading)) for lora in loras]
        if [(held(), weights) for held, weights in self._active] == wanted:
            return
        for hook in self._hooks:
            hook.remove()
        self._hooks = [
            module.register_forward_hook(_adding(changes))
            for module, changes in self._changes(wanted)
        ]
        self._active = [(weakref.ref(lora), weights) for lora, weights in wanted]

    def _changes(
        self, wanted: list[tuple[LoraWeights, tuple[float, float]]]
    ) -> Iterator[tuple[Any, list[tuple[Layer, float]]]]:
        """Each layer that changes, with what is added to it."""
        for index, (_, modules) in enumerate(self._parts):
            # The denoiser comes first, and text encoders behind it.
            acting = [(lora.parts, weights[index > 0]) for lora, weights in wanted]
            present = [
                (parts[index], weight) for parts, weight in acting if weight and index < len(parts)
            ]
            for path in {path: None for layers, _ in present for path in layers}:
                changes = [(layers[path], weight) for layers, weight in present if path in layers]
                yield modules[path], changes

    def _check(self, weights: LoraWeights) -> None:
        if len(weights.parts) > len(self._parts):
            raise ModelUnavailable(
                f"loras: {weights.name} changes {len(weights.text_encoders)} text encoders and"
                f" this model has {len(self._parts) - 1}; it is for another family of models."
            )
        for (part, modules), layers in zip(self._parts, weights.parts, strict=False):
            for path, layer in layers.items():
                if path not in modules:
                    raise ModelUnavailable(
                        f"loras: {weights.name} changes {path} of the {part}, which this model"
                        " does not have; it is for another family of models."
                    )
                if not layer.fits(modules[path]):
                    shape = layer.shape if isinstance(layer, LoraLayer) else "one of another shape"
                    raise ModelUnavailable(
                        f"loras: {weights.name} changes {path} of the {part} as {shape}, which it"
                        " is not in this model; it is for another family of models."
                    )


def _adding(changes: list[tuple[Layer, float]]) -> Hook:
    def add(module: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
        for layer, weight in changes:
            output = torch.add(output, layer.change(module, inputs[0]), alpha=weight)
        return output

    return add


def _modules(model: Any) -> dict[str, Any]:
    # transformers has the prefix for a CLIP with a projection and not for one without.
    named: Iterator[tuple[str, Any]] = model.named_modules()
    modules = {path.removeprefix("text_model."): module for path, module in named}
    return {path.replace(".", "_"): module for path, module in modules.items()} | modules
