"""The relatives of LoRA: each a way of writing down the change of a layer's weight.

The names and the arithmetic are those of LyCORIS (arXiv 2309.14859), whose files people share. A
change is worked out at each forward from what the file holds, so that it takes no more memory than
the file does, and the model's own weights are never touched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any, Protocol, cast

import torch
from torch.nn import functional

# torch does not annotate it.
_length: Callable[..., torch.Tensor] = cast(Any, torch.linalg).vector_norm

EPSILON = torch.finfo(torch.float32).eps


class Form(Protocol):
    """How a change of a weight is written down."""

    def delta(self, weight: torch.Tensor) -> torch.Tensor:
        """What is added to `weight` at strength 1, of its shape."""
        ...

    def fits(self, weight: torch.Tensor) -> bool:
        """Whether it is for a weight of this shape."""
        ...


@dataclass(frozen=True, eq=False)
class LowRank:
    """LoRA as one matrix: up @ down, with `mid` between them for a Tucker-decomposed kernel.

    The scale, alpha / rank, is in `up`.
    """

    down: torch.Tensor
    up: torch.Tensor
    mid: torch.Tensor | None = None

    def delta(self, weight: torch.Tensor) -> torch.Tensor:
        up, down = self.up.flatten(1), self.down.flatten(1)
        if self.mid is None:
            return (up @ down).reshape(weight.shape)
        return torch.einsum("o p, p q h w, q i -> o i h w", up, self.mid, down)

    def fits(self, weight: torch.Tensor) -> bool:
        kernel = 1 if self.mid is None else self.mid[0, 0].numel()
        reads = self.down[0].numel() * kernel
        return len(self.up) == len(weight) and reads == weight[0].numel()


@dataclass(frozen=True, eq=False)
class Hadamard:
    """LoHa: the product, number by number, of two low-rank matrices; `t1` and `t2` are kernels of
    its Tucker-decomposed kind."""

    w1_a: torch.Tensor
    w1_b: torch.Tensor
    w2_a: torch.Tensor
    w2_b: torch.Tensor
    scale: float
    t1: torch.Tensor | None = None
    t2: torch.Tensor | None = None

    def delta(self, weight: torch.Tensor) -> torch.Tensor:
        first = _tucker(self.t1, self.w1_a, self.w1_b)
        second = _tucker(self.t2, self.w2_a, self.w2_b)
        return (first * second * self.scale).reshape(weight.shape)

    def fits(self, weight: torch.Tensor) -> bool:
        wide = self.w1_a.shape[1] if self.t1 is not None else len(self.w1_a)
        kernel = 1 if self.t1 is None else self.t1[0, 0].numel()
        return wide == len(weight) and self.w1_b.shape[1] * kernel == weight[0].numel()


def _tucker(kernel: torch.Tensor | None, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    if kernel is None:
        return a @ b
    return torch.einsum("i j h w, j r, i p -> p r h w", kernel, b, a)


@dataclass(frozen=True, eq=False)
class Kronecker:
    """LoKr: the Kronecker product of a small matrix and a larger one, each of which may be the
    product of two; `t2` is the kernel of its Tucker-decomposed kind."""

    scale: float
    w1: torch.Tensor | None = None
    w1_a: torch.Tensor | None = None
    w1_b: torch.Tensor | None = None
    w2: torch.Tensor | None = None
    w2_a: torch.Tensor | None = None
    w2_b: torch.Tensor | None = None
    t2: torch.Tensor | None = None

    def _factors(self) -> tuple[torch.Tensor, torch.Tensor]:
        first, second = self.w1, self.w2
        if first is None and self.w1_a is not None and self.w1_b is not None:
            first = self.w1_a @ self.w1_b
        if second is None and self.w2_a is not None and self.w2_b is not None:
            if self.t2 is None:
                second = (self.w2_a @ self.w2_b.flatten(1)).reshape(
                    len(self.w2_a), *self.w2_b.shape[1:]
                )
            else:
                second = _tucker(self.t2, self.w2_a, self.w2_b)
        if first is None or second is None:
            raise ValueError("w1 or w2")
        return first, second

    def check(self) -> None:
        """Raises ValueError, naming what is missing, where the product cannot be made."""
        for whole, a, b, name in (
            (self.w1, self.w1_a, self.w1_b, "w1"),
            (self.w2, self.w2_a, self.w2_b, "w2"),
        ):
            if whole is None and (a is None or b is None):
                raise ValueError(name)

    def delta(self, weight: torch.Tensor) -> torch.Tensor:
        first, second = self._factors()
        first = first.reshape(*first.shape, *[1] * (second.dim() - first.dim()))
        return (torch.kron(first, second.contiguous()) * self.scale).reshape(weight.shape)

    def fits(self, weight: torch.Tensor) -> bool:
        first, second = self._factors()
        wide, reads = len(first) * len(second), first[0].numel() * second[0].numel()
        return wide == len(weight) and reads == weight[0].numel()


@dataclass(frozen=True, eq=False)
class Full:
    """The whole difference, number for number."""

    diff: torch.Tensor

    def delta(self, weight: torch.Tensor) -> torch.Tensor:
        return self.diff.reshape(weight.shape)

    def fits(self, weight: torch.Tensor) -> bool:
        return self.diff.numel() == weight.numel() and len(self.diff) == len(weight)


@dataclass(frozen=True, eq=False)
class Orthogonal:
    """OFT (arXiv 2306.07280): blocks of the outputs are turned; with four axes BOFT (arXiv
    2311.06243), which turns them in several stages, as a butterfly."""

    blocks: torch.Tensor
    constraint: float = 0.0
    rescale: torch.Tensor | None = None

    def delta(self, weight: torch.Tensor) -> torch.Tensor:
        own = weight.float()
        turned = self._butterfly(own) if self.blocks.dim() == 4 else self._blocks(own)
        if self.rescale is not None:
            turned = turned * self.rescale.float().reshape(-1, *[1] * (own.dim() - 1))
        return turned - own

    def fits(self, weight: torch.Tensor) -> bool:
        return self.blocks.shape[-3] * self.blocks.shape[-1] == len(weight)

    def _rotations(self, wide: int) -> torch.Tensor:
        """Cayley's transform of what is skew-symmetric."""
        blocks = self.blocks.float()
        skew = blocks - blocks.transpose(-1, -2)
        limit = self.constraint * wide
        norm = float(_length(skew)) + 1e-8
        if limit > 0 and norm > limit:
            skew = skew * limit / norm
        unit = torch.eye(blocks.shape[-1], device=blocks.device)
        return (unit + skew) @ (unit - skew).inverse()

    def _blocks(self, weight: torch.Tensor) -> torch.Tensor:
        count, size, _ = self.blocks.shape
        parts = weight.reshape(count, size, -1)
        turned = torch.einsum("k n m, k n i -> k m i", self._rotations(len(weight)), parts)
        return turned.reshape(weight.shape)

    def _butterfly(self, weight: torch.Tensor) -> torch.Tensor:
        stages, _, size, _ = self.blocks.shape
        rotations = self._rotations(len(weight))
        # Any: torch annotates unflatten in part.
        turned: Any = weight
        for stage in range(stages):
            apart = 2**stage * (size // 2)
            turned = turned.unflatten(0, (-1, 2, apart)).transpose(1, 2).flatten(0, 2)
            turned = turned.unflatten(0, (-1, size))
            turned = torch.einsum("b i j, b j ... -> b i ...", rotations[stage], turned)
            turned = turned.flatten(0, 1).unflatten(0, (-1, apart, 2))
            turned = turned.transpose(1, 2).flatten(0, 2)
        return turned


@dataclass(frozen=True, eq=False)
class Decomposed:
    """DoRA (arXiv 2402.09353) round any of the others: the changed weight is brought to lengths of
    its own, one for each output, or for each input."""

    inner: Form
    magnitude: torch.Tensor

    def delta(self, weight: torch.Tensor) -> torch.Tensor:
        own = weight.float()
        changed = own + self.inner.delta(weight).float()
        rest = [1] * (own.dim() - 2)
        if self._is_by_output(weight):
            norm = _length(changed.flatten(1), dim=1).reshape(-1, 1, *rest)
        else:
            columns = changed.transpose(0, 1).flatten(1)
            norm = _length(columns, dim=1).reshape(1, -1, *rest)
        return changed * (self.magnitude.float().reshape(norm.shape) / (norm + EPSILON)) - own

    def fits(self, weight: torch.Tensor) -> bool:
        wide = len(weight) if self._is_by_output(weight) else weight.shape[1]
        return self.inner.fits(weight) and self.magnitude.numel() == wide

    def _is_by_output(self, weight: torch.Tensor) -> bool:
        return self.magnitude.dim() == 1 or self.magnitude.shape[0] == len(weight)


@dataclass(frozen=True, eq=False)
class WeightChange:
    """What is added to one layer's output at strength 1 where its weight, and its bias, change."""

    form: Form | None = None
    bias: torch.Tensor | None = None

    def fits(self, module: Any) -> bool:
        """Whether `module` is a layer that this can change."""
        if not isinstance(module, LAYERS):
            return False
        weight: Any = module.weight
        if self.bias is not None and len(self.bias) != len(weight):
            return False
        if self.form is None:
            return self.bias is not None
        return (weight.dim() > 1 or isinstance(self.form, Full)) and self.form.fits(weight)

    def change(self, module: Any, inputs: torch.Tensor) -> torch.Tensor:
        """What it adds to `module`'s output for `inputs`."""
        weight: torch.Tensor = module.weight
        if self.form is None:
            delta = torch.zeros_like(weight)
        else:
            delta = self.form.delta(weight).to(weight.dtype)
        bias = None if self.bias is None else self.bias.to(weight.dtype)
        if isinstance(module, torch.nn.Linear):
            return functional.linear(inputs, delta, bias)
        if isinstance(module, torch.nn.Conv2d):
            return functional.conv2d(
                inputs, delta, bias, module.stride, module.padding, module.dilation, module.groups
            )
        if isinstance(module, torch.nn.GroupNorm):
            return functional.group_norm(inputs, module.num_groups, delta, bias, module.eps)
        return functional.layer_norm(inputs, module.normalized_shape, delta, bias, module.eps)

    @property
    def tensors(self) -> list[torch.Tensor]:
        """All that it holds."""
        return [*_tensors(self.form), *([] if self.bias is None else [self.bias])]


LAYERS = (torch.nn.Linear, torch.nn.Conv2d, torch.nn.GroupNorm, torch.nn.LayerNorm)


def _tensors(form: Any) -> Iterator[torch.Tensor]:
    for each in fields(form) if form is not None else ():
        held = getattr(form, each.name)
        if isinstance(held, torch.Tensor):
            yield held
        elif hasattr(held, "delta"):
            yield from _tensors(held)
