"""Networks compiled by PyTorch's Inductor: ahead of time, for a number of rows, without weights.

A package is code alone. What is loaded of it stands on the weights of the plain network, or on
others of their shapes, and models of one architecture share it.
"""

import copy
import hashlib
import importlib
import importlib.metadata
import logging
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import torch

from worker.engine.backends.call import Call
from worker.engine.backends.compiler import CompiledNetwork, Room
from worker.engine.backends.fingerprint import configured, sampled
from worker.engine.backends.flat import Flat
from worker.engine.backends.inductor.toolchain import environment, missing
from worker.engine.backends.network import Network, there
from worker.engine.backends.recorded import SIZES, Recorder
from worker.engine.backends.weights import Weights

log = logging.getLogger(__name__)

DTYPES = (torch.float16, torch.bfloat16, torch.float32)

BESIDE = 1_500_000_000
"""Bytes of a card that another process on it takes, with what it tries kernels on."""

LONGEST = 3600.0
"""Seconds after which a compilation has gone wrong."""


class Inductor:
    """The compiler of networks whose weights are on a device of one of `kinds`. What it makes on a
    card is recorded by `recorder`. Files under way are in `folder`."""

    name = "inductor"
    keeps = True
    changes = True
    recompiles = False

    def __init__(
        self, folder: Path, kinds: tuple[str, ...] = ("cuda",), recorder: Recorder | None = None
    ) -> None:
        self._folder = folder
        self._kinds = kinds
        self._recorder = recorder
        self._running: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._scratch: Path | None = None

    def serves(self, network: Network) -> bool:
        device = network.device
        if device.type not in self._kinds or missing(device.type):
            return False
        return network.is_plain(DTYPES)

    def sizes(self, network: Network) -> tuple[int, ...]:
        return SIZES

    def most(self, network: Network) -> int:
        return 32

    def needs(self, network: Network) -> int:
        return BESIDE

    def takes(self, network: Network) -> int:
        """Code alone."""
        return 0

    def about(self, network: Network) -> tuple[str, str]:
        about = f"{_architecture(network)} {_machine(network.device)}"
        return about, f"{about} {sampled(network.module)}"

    def convert(self, network: Network, call: Call) -> "ConvertedNetwork":
        return ConvertedNetwork(self, network, call)

    def load(self, path: Path, network: Network, call: Call, rows: int) -> CompiledNetwork:
        return self._loaded(path, network, rows)

    def _loaded(self, path: Path, network: Network, rows: int) -> CompiledNetwork:
        package = Package(path.read_bytes(), network, rows)
        if self._recorder is not None and network.device.type == "cuda":
            return self._recorder.over(package, network)
        return package

    def compiled(self, network: Network, order: bytes, rows: int) -> CompiledNetwork:
        """What another process makes of `order`. Raises RuntimeError with its last word."""
        if self._scratch is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            _tidy(self._folder)
            self._scratch = Path(tempfile.mkdtemp(prefix="inductor-", dir=self._folder))
        path = self._scratch / f"{rows}.pt2"
        try:
            self._ask(order, path, self._scratch)
            return self._loaded(path, network, rows)
        finally:
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Ends a compilation under way."""
        self._closed = True
        if self._running is not None:
            self._running.kill()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _ask(self, order: bytes, path: Path, scratch: Path) -> None:
        variables = os.environ | {
            "TORCHINDUCTOR_CACHE_DIR": str(scratch / "cache"),
            "TRITON_CACHE_DIR": str(scratch / "triton"),
            "TORCHINDUCTOR_COMPILE_THREADS": str(max(1, (os.cpu_count() or 1) // 4)),
            "TMPDIR": str(scratch),
            **environment(scratch),
        }
        module = "worker.engine.backends.inductor.compiling"
        command = [sys.executable, "-m", module, str(path), str(os.getpid())]
        if self._closed:
            raise RuntimeError("the worker ends")
        self._running = subprocess.Popen(
            command,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            _, said = self._running.communicate(order, timeout=LONGEST)
        except subprocess.TimeoutExpired:
            self._running.kill()
            self._running.communicate()
            raise RuntimeError(f"it was not compiled within {LONGEST:.0f} s") from None
        if self._running.returncode:
            last = said.decode(errors="replace").strip().splitlines()[-1:]
            raise RuntimeError(" ".join(last) or f"exit {self._running.returncode}")


class ConvertedNetwork:
    """A network without its weights, as the process that compiles reads it. Raises whatever
    pickling its modules raises."""

    def __init__(self, inductor: Inductor, network: Network, call: Call) -> None:
        self._inductor = inductor
        self._network = weakref.ref(network)
        self._call = call.bare()
        flat = Flat(network.twin(), network.run, self._call)
        bare = {id(each): _bare(each) for each in [*flat.parameters(), *flat.buffers()]}
        self._flat = copy.deepcopy(flat, bare)

    def compiled(self, rows: int) -> CompiledNetwork:
        """Compiled for so many rows, in a process of its own. Raises RuntimeError."""
        network = there(self._network)
        inputs = [((rows, *each.shape[1:]), each.dtype) for each in self._call.tensors]
        order = pickle.dumps((self._flat, inputs, network.device))
        return self._inductor.compiled(network, order, rows)


class Package:
    """What was compiled, loaded, on weights that it shares. `changed` ones take the place of the
    network's own."""

    prepared = True
    memory = 0

    def __init__(
        self,
        file: bytes,
        network: Network,
        rows: int,
        changed: Mapping[str, torch.Tensor] | None = None,
    ) -> None:
        self.rows = rows
        self._file = file
        self._network = weakref.ref(network)
        self._changed = dict(changed or {})
        self._addresses: list[int] = []
        self._held: list[torch.Tensor] = []
        device = network.device
        index = -1 if cast(int | None, device.index) is None else device.index
        with tempfile.NamedTemporaryFile(suffix=".pt2") as written:
            written.write(file)
            written.flush()
            # What aoti_load_package does, without the compiler that it imports.
            library: Any = importlib.import_module("torch._C._aoti")
            self._loader: Any = library.AOTIModelPackageLoader(
                written.name, "model", True, 1, index
            )
        names: list[str] = self._loader.get_constant_fqns()
        self._names = {name: name.removeprefix("module.") for name in names}
        unknown = sorted(self._changed.keys() - set(self._names.values()))
        if unknown:
            raise ValueError(f"{unknown[0]} has no part in what it makes")
        self._stand(network.weights)

    def run(self, call: Call) -> torch.Tensor:
        """What the network makes of a call of at most its rows, on the weights that it has now."""
        weights = there(self._network).weights
        if not self._held:
            raise RuntimeError("it was let go of")
        if weights.addresses() != self._addresses:
            self._stand(weights)
        (answer,) = self._loader.boxed_run(call.filled_up(self.rows))
        return answer[: call.rows]

    def prepare(self, call: Call, room: Room) -> None:
        """It is ready."""

    def changed(self, weights: Mapping[str, torch.Tensor]) -> "Package":
        return Package(self._file, there(self._network), self.rows, weights)

    def save(self, path: Path) -> None:
        path.write_bytes(self._file)

    def let_go(self) -> None:
        self._release(self._held)
        self._held = []

    def _stand(self, weights: Weights) -> None:
        """Has it compute with the weights as they lie now."""
        before, self._addresses = self._held, weights.addresses()
        with torch.inference_mode():
            # Tensors of its own, that can be let go of.
            given = {
                name: self._changed.get(own, weights.tensor(own)).detach()
                for name, own in self._names.items()
            }
            self._loader.load_constants(given, False, True, True)
        self._held = list(given.values())
        self._release(before)

    def _release(self, held: list[torch.Tensor]) -> None:
        """The library never frees what it was given, so that is made to hold nothing."""
        with torch.inference_mode():
            for each in held:
                empty: Any = torch.empty(0, dtype=each.dtype, device=each.device)
                each.set_(empty)

    def __del__(self) -> None:
        self.let_go()


def _tidy(folder: Path) -> None:
    """Removes what compilations left that were ended on the way."""
    for left in folder.glob("inductor-*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > 24 * 3600:
                shutil.rmtree(left, ignore_errors=True)


def _bare(tensor: torch.Tensor) -> torch.Tensor:
    """Its shape and layout alone."""
    shape, steps = tensor.shape, tensor.stride()
    empty = torch.empty_strided(shape, steps, dtype=tensor.dtype, device="meta")
    return torch.nn.Parameter(empty, False) if isinstance(tensor, torch.nn.Parameter) else empty


def _architecture(network: Network) -> str:
    """All of a network but its weights' numbers."""
    module = network.module
    laid = [
        (name, tuple(each.shape), each.stride(), str(each.dtype))
        for name, each in [*module.named_parameters(), *module.named_buffers()]
    ]
    said = f"{type(module).__name__} {network.run.__qualname__} {laid}"
    said += configured(module)
    return hashlib.sha256(said.encode()).hexdigest()


def _machine(device: torch.device) -> str:
    libraries = [f"{name} {importlib.metadata.version(name)}" for name in ("torch", "diffusers")]
    if device.type == "cuda":
        cuda: Any = torch.cuda
        card = f"{cuda.get_device_name(device)} {cuda.get_device_capability(device)}"
        return f"{libraries} {torch.version.cuda} {card}"
    return f"{libraries} {torch.backends.cpu.get_cpu_capability()} {torch.get_num_threads()}"
