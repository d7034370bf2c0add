"""Networks compiled for a CPU by OpenVINO, which is imported when the first one is."""

import importlib
import importlib.metadata
import importlib.util
import logging
import threading
import warnings
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from worker.engine.backends.call import Call
from worker.engine.backends.compiler import ANY, Room
from worker.engine.backends.fingerprint import fingerprint
from worker.engine.backends.flat import Flat
from worker.engine.backends.network import Network, there

log = logging.getLogger(__name__)

PRECISIONS = {torch.float32: "f32", torch.bfloat16: "bf16"}
"""What is computed in, by the dtype of the weights. It has to be said: where a processor has matrix
units for bfloat16, OpenVINO takes them for networks of float32 as well."""

SIZES = (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Rows that a small network is compiled for: of a fixed number it is a quarter faster than of any
number."""

SMALL = 200_000_000
"""Bytes of weights up to which a network is compiled for each of these: each has a copy of them."""

_loading = threading.Lock()


def version() -> str | None:
    """The version that is installed; None where there is none."""
    if importlib.util.find_spec("openvino") is None:
        return None
    return importlib.metadata.version("openvino")


def processor() -> str:
    """The processor, as OpenVINO tells one from another."""
    core = _core()
    return f"{core.get_property('CPU', 'FULL_DEVICE_NAME')} {capabilities()}"


def capabilities() -> list[str]:
    """What the processor computes in."""
    return sorted(_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


class OpenVino:
    """The compiler of networks whose weights are in main memory."""

    name = "openvino"
    keeps = True
    changes = True
    recompiles = True

    def serves(self, network: Network) -> bool:
        return network.dtype in PRECISIONS and network.is_on_cpu

    def sizes(self, network: Network) -> tuple[int, ...]:
        return SIZES if network.bytes <= SMALL else (ANY,)

    def most(self, network: Network) -> int:
        return 24 if network.bytes <= SMALL else 2

    def needs(self, network: Network) -> int:
        return network.bytes * (6 if network.bytes <= SMALL else 3)

    def takes(self, network: Network) -> int:
        return network.bytes * 3

    def about(self, network: Network) -> tuple[str, str]:
        machine = f"{version()} {processor()} {torch.get_num_threads()}"
        about = f"{fingerprint(network.module)} {machine}"
        return about, about

    def convert(self, network: Network, call: Call) -> "ConvertedNetwork":
        return ConvertedNetwork(network, call)

    def load(self, path: Path, network: Network, call: Call, rows: int) -> "CompiledNetwork":
        compiled = _core().import_model(path.read_bytes(), "CPU", _properties(network.dtype))
        return CompiledNetwork(compiled, rows, network, call)

    def close(self) -> None:
        """Nothing is done elsewhere."""


class CompiledNetwork:
    """A network that OpenVINO compiled; `weights` is what has to live for as long as it does."""

    prepared = True

    def __init__(
        self, compiled: Any, rows: int, network: Network, call: Call, weights: Any = None
    ) -> None:
        self.rows = rows
        self.memory = 2 * network.bytes
        self._network, self._call = weakref.ref(network), call
        self._weights = weights
        self._dtype = network.dtype
        self._compiled = compiled
        self._request = compiled.create_infer_request()
        self._using = threading.Lock()

    def run(self, call: Call) -> torch.Tensor:
        """What the network makes of a call of at most its rows."""
        count, rows = call.rows, self.rows or call.rows
        inputs = [_as_array(each, rows) for each in call.tensors]
        with self._using:
            answer = self._request.infer(inputs, share_inputs=True, share_outputs=True)[0]
            return torch.from_numpy(answer[:count].copy()).to(self._dtype)

    def prepare(self, call: Call, room: Room) -> None:
        """It is ready."""

    def changed(self, weights: Mapping[str, torch.Tensor]) -> "CompiledNetwork":
        """Its weights are packed: it is compiled anew."""
        call = self._call.of_rows(2)
        return ConvertedNetwork(there(self._network), call, weights).compiled(self.rows)

    def save(self, path: Path) -> None:
        """Writes it, for `load` on the same machine by the same version."""
        exported: Any = self._compiled.export_model()
        path.write_bytes(exported.getvalue())

    def let_go(self) -> None:
        """Its weights go with it."""


class ConvertedNetwork:
    """A network as OpenVINO reads it, for calls like `call` of any number of rows; on the weights
    of the network itself, or on others in the place of some, by their names. Takes seconds. Raises
    whatever tracing and conversion raise."""

    def __init__(
        self, network: Network, call: Call, weights: Mapping[str, torch.Tensor] | None = None
    ) -> None:
        self._network, self._call = weakref.ref(network), call
        self._properties = _properties(network.dtype)
        # In bfloat16 weights that lie channels last are read as if they did not, and all of them
        # where they lie: by what takes any number of rows as late as its first forward.
        self._twin = network.twin(weights, contiguous=True)
        traced = _traced(Flat(self._twin, network.run, call, wide=True), call)
        self._model: Any = _library().convert_model(traced)
        if len(self._model.inputs) != len(call.tensors):
            raise ValueError("not every input has a part in what it makes")

    def compiled(self, rows: int) -> CompiledNetwork:
        """Compiled for so many rows, 0 for any. Takes seconds. Raises whatever OpenVINO raises."""
        model, shape = self._model.clone(), _library().PartialShape
        shapes = [shape([rows or -1, *each.shape[1:]]) for each in self._call.tensors]
        model.reshape(dict(enumerate(shapes)))
        made = _core().compile_model(model, "CPU", self._properties)
        return CompiledNetwork(made, rows, there(self._network), self._call, self._twin)


def _as_array(tensor: torch.Tensor, rows: int) -> Any:
    # Numbers cross over in float32, which has every one of bfloat16: NumPy knows no such thing.
    numbers = tensor.float() if tensor.is_floating_point() else tensor
    missing = rows - len(numbers)
    if missing:
        numbers = torch.cat([numbers, numbers[:1].expand(missing, *numbers.shape[1:])])
    return np.ascontiguousarray(numbers.numpy())


def _traced(network: Flat, call: Call) -> Any:
    numbers = tuple(each.float() if each.is_floating_point() else each for each in call.tensors)
    jit: Any = torch.jit
    with torch.no_grad(), warnings.catch_warnings():
        # A trace takes branches as they are; that this is right for a shape is proved before it is
        # used. Traces are on their way out of PyTorch, and what OpenVINO reads best.
        warnings.simplefilter("ignore")
        return jit.trace(network, numbers, strict=False, check_trace=False)


def _library() -> Any:
    with _loading:
        return importlib.import_module("openvino")


def _core() -> Any:
    return _library().Core()


def _properties(dtype: torch.dtype) -> dict[str, Any]:
    return {
        "INFERENCE_PRECISION_HINT": PRECISIONS[dtype],
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        # Threads that may not leave a core wait for whoever else is on it.
        "ENABLE_CPU_PINNING": False,
    }
