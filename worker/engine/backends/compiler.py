"""What a compiler of networks does, whichever it is: for whom, for how many rows, to where."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import torch

from worker.engine.backends.call import Call
from worker.engine.backends.network import Network

ANY = 0
"""The rows of what takes any number of them."""

Room = Callable[[int], bool]
"""Whether so many bytes of memory may be taken."""


class CompiledNetwork(Protocol):
    """A network for a fixed number of rows, or for any number of them where `rows` is ANY."""

    rows: int

    @property
    def memory(self) -> int:
        """Memory that it has beside the network itself, and that nobody else counts."""
        ...

    def run(self, call: Call) -> torch.Tensor:
        """What the network makes of a call of at most its rows. Raises whatever its maker does."""
        ...

    @property
    def prepared(self) -> bool:
        """Whether it is as fast as it can be now."""
        ...

    def prepare(self, call: Call, room: Room) -> None:
        """Makes it so, by some runs of `call`: where nothing else is to be done, from the thread
        that runs networks."""
        ...

    def changed(self, weights: Mapping[str, torch.Tensor]) -> "CompiledNetwork | None":
        """The same with these weights in the place of the network's own, by their names; None where
        that cannot be."""
        ...

    def save(self, path: Path) -> None:
        """Writes it, for its compiler to load on the same machine."""
        ...

    def let_go(self) -> None:
        """Holds no weights any more; not to be run again."""
        ...


class ConvertedNetwork(Protocol):
    """A network as its compiler reads it."""

    def compiled(self, rows: int) -> CompiledNetwork:
        """Compiled for so many rows. Takes seconds to minutes. Raises whatever its maker does."""
        ...


class Compiler(Protocol):
    """Makes another way for networks to run."""

    name: str
    keeps: bool
    """Whether what it makes can be saved and loaded."""

    changes: bool
    """Whether what it makes can have other weights in the place of the network's own."""

    recompiles: bool
    """Whether that takes as long as compiling it did."""

    def serves(self, network: Network) -> bool:
        """Whether it can compile this network on this machine."""
        ...

    def sizes(self, network: Network) -> tuple[int, ...]:
        """The rows that it compiles the network for, in order; a call of fewer is filled up."""
        ...

    def most(self, network: Network) -> int:
        """How many there may be of it at once."""
        ...

    def needs(self, network: Network) -> int:
        """Bytes of memory that compiling it takes, at most."""
        ...

    def takes(self, network: Network) -> int:
        """Bytes of memory that one of it takes once it is loaded."""
        ...

    def about(self, network: Network) -> tuple[str, str]:
        """What tells what was compiled from all else: network, machine, versions; and what tells
        what was measured of it, which is the same where it has the weights in it."""
        ...

    def convert(self, network: Network, call: Call) -> ConvertedNetwork:
        """What it compiles from, for calls like `call` of any number of rows; on the weights of the
        network itself. Takes seconds. Raises whatever its maker does."""
        ...

    def load(self, path: Path, network: Network, call: Call, rows: int) -> CompiledNetwork:
        """What `save` wrote. Raises whatever its maker does for a file that is not from here."""
        ...

    def close(self) -> None:
        """Ends what it does elsewhere."""
        ...
