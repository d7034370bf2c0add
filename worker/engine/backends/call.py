"""One call of a network, taken apart: tensors of one row a question, and all else about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.utils._pytree import (
    TreeSpec,
    tree_flatten,
    tree_unflatten,
    treespec_dumps,
    treespec_loads,
)


@dataclass(frozen=True)
class Signature:
    """What a compiled network is made for: everything of a call but its rows and numbers."""

    layout: str
    inputs: tuple[tuple[tuple[int, ...], str], ...]

    @property
    def name(self) -> str:
        """The same in one line."""
        return f"{self.layout} {self.inputs}"


@dataclass(frozen=True)
class Call:
    """The arguments of a network, of which every tensor has the same number of rows."""

    tensors: list[torch.Tensor]
    others: list[Any]
    spec: TreeSpec

    @classmethod
    def of(cls, args: Sequence[Any], kwargs: Mapping[str, Any]) -> "Call | None":
        """The call; None where a tensor is not one of rows."""
        leaves, spec = tree_flatten((tuple(args), dict(kwargs)))
        tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
        rows = {len(each) if each.dim() else 0 for each in tensors}
        if len(rows) != 1 or 0 in rows:
            return None
        others = [None if isinstance(leaf, torch.Tensor) else (leaf,) for leaf in leaves]
        return cls(tensors, others, spec)

    def __reduce__(self) -> Any:
        # A specification is read and written in words of its own.
        return _read, (self.tensors, self.others, treespec_dumps(self.spec))

    @property
    def rows(self) -> int:
        return len(self.tensors[0])

    @property
    def signature(self) -> Signature:
        inputs = tuple((tuple(each.shape[1:]), str(each.dtype)) for each in self.tensors)
        return Signature(f"{self.spec} {self.others}", inputs)

    def arguments(self, tensors: Sequence[torch.Tensor]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The same arguments with these tensors."""
        rest = iter(tensors)
        leaves = [next(rest) if other is None else other[0] for other in self.others]
        return tree_unflatten(leaves, self.spec)

    def of_rows(self, rows: int) -> "Call":
        """The call's first row, so many times, with memory of its own."""
        # What is made in inference mode cannot be traced.
        with torch.inference_mode(False), torch.no_grad():
            repeated = [each[:1].repeat(rows, *[1] * (each.dim() - 1)) for each in self.tensors]
        return replace(self, tensors=repeated)

    def with_tensors(self, tensors: list[torch.Tensor]) -> "Call":
        """The call with these in the place of its own."""
        return replace(self, tensors=tensors)

    def bare(self) -> "Call":
        """The call without numbers: shapes and dtypes alone."""
        return replace(
            self, tensors=[torch.empty_like(each, device="meta") for each in self.tensors]
        )

    def filled_up(self, rows: int) -> list[torch.Tensor]:
        """The tensors, laid out row by row, with their first row again up to so many."""
        missing = rows - self.rows
        if not missing:
            return [each.contiguous() for each in self.tensors]
        return [
            torch.cat([each, each[:1].expand(missing, *each.shape[1:])]).contiguous()
            for each in self.tensors
        ]


def _read(tensors: list[torch.Tensor], others: list[Any], spec: str) -> Call:
    return Call(tensors, others, treespec_loads(spec))
