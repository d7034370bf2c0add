"""Networks compiled for a CPU by OpenVINO, which is imported when the first one is."""

import importlib
import importlib.metadata
import importlib.util
import logging
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from worker.engine.backends.call import Call
from worker.engine.backends.network import Network, Run

log = logging.getLogger(__name__)

PRECISIONS = {torch.float32: "f32", torch.bfloat16: "bf16"}
"""What is computed in, by the dtype of the weights. It has to be said: where a processor has matrix
units for bfloat16, OpenVINO takes them for networks of float32 as well."""

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


class CompiledNetwork:
    """A network for a fixed number of rows, or for any number of them where `rows` is 0."""

    def __init__(self, compiled: Any, rows: int, dtype: torch.dtype) -> None:
        self.rows = rows
        self._dtype = dtype
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

    def save(self, path: Path) -> None:
        """Writes it, for `load` on the same machine by the same version."""
        exported: Any = self._compiled.export_model()
        path.write_bytes(exported.getvalue())


class ConvertedNetwork:
    """A network as OpenVINO reads it, for calls like `call` of any number of rows; on the weights
    of the network itself. Takes seconds. Raises whatever tracing and conversion raise."""

    def __init__(self, network: Network, call: Call) -> None:
        self._call = call
        self._properties = _properties(network.dtype)
        traced = _traced(_Flat(network.twin(), network.run, call))
        self._model: Any = _library().convert_model(traced)
        if len(self._model.inputs) != len(call.tensors):
            raise ValueError("not every input has a part in what it makes")

    def compiled(self, rows: int) -> CompiledNetwork:
        """Compiled for so many rows, 0 for any. Takes seconds. Raises whatever OpenVINO raises."""
        model, shape = self._model.clone(), _library().PartialShape
        shapes = [shape([rows or -1, *each.shape[1:]]) for each in self._call.tensors]
        model.reshape(dict(enumerate(shapes)))
        made = _core().compile_model(model, "CPU", self._properties)
        return CompiledNetwork(made, rows, self._call.tensors[0].dtype)


def load(path: Path, network: Network, call: Call, rows: int) -> CompiledNetwork:
    """What `save` wrote. Raises whatever OpenVINO raises for a file that is not from here."""
    compiled = _core().import_model(path.read_bytes(), "CPU", _properties(network.dtype))
    return CompiledNetwork(compiled, rows, call.tensors[0].dtype)


def _as_array(tensor: torch.Tensor, rows: int) -> Any:
    # Numbers cross over in float32, which has every one of bfloat16: NumPy knows no such thing.
    numbers = tensor.float() if tensor.is_floating_point() else tensor
    missing = rows - len(numbers)
    if missing:
        numbers = torch.cat([numbers, numbers[:1].expand(missing, *numbers.shape[1:])])
    return np.ascontiguousarray(numbers.numpy())


class _Flat(torch.nn.Module):
    """A network as one function of tensors alone, in float32 at both ends."""

    def __init__(self, module: Any, run: Run, call: Call) -> None:
        super().__init__()
        self.module = module
        self.call = call
        self._run = run

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        own = [each.to(like.dtype) for each, like in zip(tensors, self.call.tensors, strict=True)]
        args, kwargs = self.call.arguments(own)
        return self._run(self.module, *args, **kwargs).float()


def _traced(network: _Flat) -> Any:
    tensors = network.call.tensors
    numbers = tuple(each.float() if each.is_floating_point() else each for each in tensors)
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
