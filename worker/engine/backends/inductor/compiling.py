"""Compiles a network with Inductor, in a process of its own: it takes minutes of Python that would
hold up the thread that runs networks, and what goes wrong in a compiler ends nobody else.

A network comes by standard input without its weights, and the package that is written has none.
"""

import contextlib
import ctypes
import importlib
import itertools
import os
import pickle
import signal
import sys
from typing import Any

import torch

OPTIONS = {
    "aot_inductor.package_constants_in_so": False,
    # Small weights would be written into the code, and other weights could not take their place.
    "always_keep_tensor_constants": True,
    # Kernels are tried one by one, in as little memory as there may be beside a loaded model.
    "aot_inductor.autotune_per_kernel_alloc": True,
}

PR_SET_PDEATHSIG = 1

ALIGNED = 256
"""Bytes between the addresses of stand-ins."""


def stand_in(network: Any, device: torch.device) -> None:
    """Gives a network without weights as many numbers as its largest weight has, of which each
    weight is another part: the compiler takes two for one where they have the same address, and
    the real ones are not there twice."""
    tensors = [*network.parameters(), *network.buffers()]
    largest = max((_size(each) for each in tensors), default=0)
    numbers = torch.zeros(largest + ALIGNED * len(tensors), dtype=torch.uint8, device=device)
    places = itertools.count(step=ALIGNED)
    for module in network.modules():
        for held in (module._parameters, module._buffers):
            for name, tensor in held.items():
                if tensor is None:
                    continue
                start = next(places)
                part = numbers[start : start + _size(tensor)].view(tensor.dtype)
                part = torch.as_strided(part, tensor.shape, tensor.stride())
                held[name] = torch.nn.Parameter(part, False) if held is module._parameters else part


def _size(tensor: torch.Tensor) -> int:
    """Bytes from its first number to its last."""
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    extent = 1 + sum((size - 1) * step for size, step in steps) if tensor.numel() else 0
    return extent * tensor.element_size()


def compile_package(network: Any, inputs: list[torch.Tensor], path: str) -> None:
    """Writes the package of a network that has stand-ins for weights."""
    inductor: Any = importlib.import_module("torch._inductor")
    with torch.no_grad():
        exported = torch.export.export(network, tuple(inputs))
        # What the forward makes of numbers of its own would have to come along.
        own = exported.constants.keys() - dict(network.named_buffers()).keys()
        if own:
            raise ValueError(f"it has constants of its own: {', '.join(sorted(own))}")
        inductor.aoti_compile_and_package(exported, package_path=path, inductor_configs=OPTIONS)


def end_with_parent(parent: int) -> None:
    """On Linux this process ends when the one that began it does, however that ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # That was before this was asked for.
        sys.exit(1)


def main() -> int:
    """Compiles what standard input has and writes it to the path that is named; behind that the
    process that began this one is."""
    with contextlib.suppress(OSError):
        os.nice(10)
    path, parent = sys.argv[1:]
    end_with_parent(int(parent))
    network, inputs, device = pickle.load(sys.stdin.buffer)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    importlib.import_module("torch._inductor")
    stand_in(network, device)
    zeros = [torch.zeros(shape, dtype=dtype, device=device) for shape, dtype in inputs]
    try:
        compile_package(network, zeros, path)
    except Exception as error:
        print(f"{type(error).__name__}: {error}".splitlines()[0], file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
