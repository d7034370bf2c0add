"""LoRAs (arXiv 2106.09685): small changes of a model's layers, put on and taken off between steps.

A LoRA acts by forward hooks, so the model's own modules and weights are never touched: putting a
set on takes less than a millisecond, nothing is injected while others wait, and without a LoRA
the model is what it always was, to the bit.
"""

import itertools
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch.nn import functional

from worker.engine.errors import InvalidRequest, ModelUnavailable
from worker.engine.ground.transfer import sent
from worker.engine.parts.lora_forms import WeightChange
from worker.engine.parts.lora_merging import Merging
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


def unread(loras: Sequence[Lora]) -> tuple[Lora, ...]:
    """LoRAs as they act in a denoiser: those that differ in how prompts are read alone are equal
    there."""
    return tuple(Lora(each.name, each.weight, blocks=each.blocks) for each in loras)


@dataclass(frozen=True)
class ByRow:
    """How strongly something acts on each row of a forward, where that is not the same on all."""

    weights: tuple[float, ...]

    def add(self, layer: Layer, module: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:
        """The output with what the layer adds to the rows on which it acts."""
        acting = [row for row, weight in enumerate(self.weights) if weight]
        which = sent(torch.tensor(acting), output.device)
        weights = torch.tensor([self.weights[row] for row in acting], dtype=output.dtype)
        change = layer.change(module, inputs.index_select(0, which))
        change = change * sent(weights, output.device).view(-1, *[1] * (change.dim() - 1))
        return output.index_add(0, which, change)


Weight = float | ByRow
Change = tuple[Layer, Weight]
Active = tuple[tuple[Lora, ...], ...]
"""The LoRAs of each row; of one alone where all rows have the same."""


class LoraSwitch:
    """Puts LoRAs on one model. Not thread-safe: the thread that runs the model uses it.

    It knows a LoRA for as long as somebody else holds it, and keeps no LoraWeights alive. `blocks`
    are the blocks of the denoiser by their names, each as the paths that its layers begin with.
    """

    def __init__(
        self,
        denoiser: Any,
        text_encoders: Sequence[Any],
        *,
        denoiser_name: str = "UNet",
        blocks: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        names = [
            denoiser_name,
            *(f"text encoder {number + 1}" for number in range(len(text_encoders))),
        ]
        models = [denoiser, *text_encoders]
        self._denoiser = denoiser
        self._parts = [(name, _modules(model)) for name, model in zip(names, models, strict=True)]
        self._blocks = dict(blocks or {})
        self._places = {
            path: name
            for path in self._parts[0][1]
            for name, starts in self._blocks.items()
            if path.replace(".", "_").startswith(tuple(starts))
        }
        self._known: weakref.WeakValueDictionary[str, LoraWeights] = weakref.WeakValueDictionary()
        self._active: tuple[Active, list[weakref.ref[LoraWeights]]] = (), []
        self._hooks: list[Any] = []

    @property
    def on(self) -> bool:
        """Whether any LoRA acts now."""
        return bool(self._hooks)

    @property
    def merging(self) -> Merging | None:
        """What acts on the denoiser now, as other weights of it; None where nothing does, or not on
        all rows alike."""
        wanted, references = self._active
        if not self.on or len(wanted) != 1:
            return None
        held = {each.name: each for reference in references if (each := reference())}

        def layers() -> list[tuple[str, Any, list[tuple[Layer, float]]]]:
            paths = {id(module): path for path, module in self._denoiser.named_modules()}
            own = self._parts[0][1].values()
            theirs = {id(module) for module in own}
            return [
                (paths[id(module)], module, [(one, cast(float, weight)) for one, weight in changes])
                for module, changes in self._changes(wanted, held)
                if id(module) in theirs
            ]

        return Merging((wanted, tuple(each.serial for each in held.values())), layers)

    def hold(self, weights: LoraWeights) -> None:
        """Takes a LoRA in, so that `use` finds it by its name while the caller holds it.

        Raises ModelUnavailable, naming the first layer, where it does not fit the model.
        """
        if self._known.get(weights.name) is not weights:
            self._check(weights)
            self._known[weights.name] = weights

    def check_blocks(self, lora: Lora) -> None:
        """Raises InvalidRequest where a LoRA is given weights of blocks that the model lacks."""
        if lora.blocks and not self._blocks:
            raise InvalidRequest("loras: block weights are for models with a U-Net.")
        named = [name for name, _ in lora.blocks]
        if named and not any(name in self._blocks for name in named):
            raise InvalidRequest(
                f"loras: the model has no block {named[0]}; its blocks are"
                f" {', '.join(self._blocks)}."
            )

    def use(self, loras: Sequence[Lora]) -> None:
        """Makes the next forwards those of the model with exactly these LoRAs.

        Costs nothing where they are on already. Raises KeyError for one that nobody holds.
        """
        self._use((tuple(loras),))

    def use_by_row(self, loras: Sequence[Sequence[Lora]]) -> None:
        """The same for forwards of as many rows as these, each with exactly its own LoRAs."""
        rows = tuple(tuple(each) for each in loras)
        self._use(rows[:1] if len(set(rows)) == 1 else rows)

    def _use(self, wanted: Active) -> None:
        names = {lora.name: None for row in wanted for lora in row}
        held = {name: self._known[name] for name in names}
        before, weights = self._active
        if before == wanted and [each() for each in weights] == list(held.values()):
            return
        for hook in self._hooks:
            hook.remove()
        self._hooks = [
            module.register_forward_hook(_adding(changes))
            for module, changes in self._changes(wanted, held)
        ]
        self._active = wanted, [weakref.ref(each) for each in held.values()]

    def _changes(
        self, wanted: Active, held: Mapping[str, LoraWeights]
    ) -> Iterator[tuple[Any, list[Change]]]:
        """Each layer that changes, with what is added to it."""
        for index, (_, modules) in enumerate(self._parts):
            acting = [each for each in held.values() if index < len(each.parts)]
            for path in {path: None for each in acting for path in each.parts[index]}:
                place = None if index else self._places.get(path)
                changes = [
                    (each.parts[index][path], weight)
                    for each in acting
                    if path in each.parts[index]
                    and (weight := self._weight(each.name, wanted, place, reads=index > 0))
                ]
                if changes:
                    yield modules[path], changes

    def _weight(self, name: str, wanted: Active, place: str | None, *, reads: bool) -> Weight:
        """How strongly a LoRA acts in a block, or where prompts are read."""
        weights = tuple(
            sum(
                (lora.reading if reads else lora.weight * _in_block(lora, place))
                for lora in row
                if lora.name == name
            )
            for row in wanted
        )
        return weights[0] if len(set(weights)) == 1 else ByRow(weights)

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


def _in_block(lora: Lora, place: str | None) -> float:
    return next((weight for name, weight in lora.blocks if name == place), 1.0)


def _adding(changes: list[Change]) -> Hook:
    def add(module: Any, inputs: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
        for layer, weight in changes:
            if isinstance(weight, ByRow):
                output = weight.add(layer, module, inputs[0], output)
            else:
                output = torch.add(output, layer.change(module, inputs[0]), alpha=weight)
        return output

    return add


def _modules(model: Any) -> dict[str, Any]:
    # transformers has the prefix for a CLIP with a projection and not for one without.
    named: Iterator[tuple[str, Any]] = model.named_modules()
    modules = {path.removeprefix("text_model."): module for path, module in named}
    return {path.replace(".", "_"): module for path, module in modules.items()} | modules
