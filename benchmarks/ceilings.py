"""What a machine could do at most, measured in the run whose figures stand beside it.

    limits = ceilings(torch.device("cpu"), torch.float32)        # some seconds
    work = flops(unet, latents, timesteps, encoder_hidden_states=text)
    result |= {"ceilings": asdict(limits), "forward": achieved(work, seconds, limits)}

    python -m benchmarks.ceilings [--device cuda] [--dtype float16]

A processor shares its time with whatever else runs, and a ceiling is not lowered by that: of all
rounds the fastest counts. How busy the machine was stands in `benchmarks.machine()`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn
from torch.func import functional_call
from torch.utils._pytree import tree_map
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

SIDES = {"cpu": (1024, 2048), "cuda": (4096, 8192, 16384)}
"""Of square matrices that fill a device of this kind, and take it some milliseconds or tenths."""

COPIED = {"cpu": 1 << 28, "cuda": 1 << 31}
"""Bytes that are copied: many times what caches hold."""

FEWEST, MOST = 3, 50
"""Rounds of one measurement."""

META = torch.device("meta")


def _attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return sdpa_flop_count(query, key, value)


ON_CPU = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention}
"""Attention that FlopCounterMode does not know: it has the names of CUDA's kernels."""


@dataclass(frozen=True)
class Ceilings:
    """FLOP/s of the best of some large products of square matrices, and bytes a second that a copy
    reads and writes, both counted. `tf32` is whether products of float32 were taken in TF32, None
    for other numbers. `host_to_device_bytes` is of pinned memory, None on a processor."""

    device: str
    dtype: str
    gemm_flops: float
    gemm_side: int
    tf32: bool | None
    copy_bytes: float
    host_to_device_bytes: float | None
    threads: int | None

    @property
    def said(self) -> str:
        """In one line."""
        tf32 = "" if self.tf32 is None else f", TF32 {'on' if self.tf32 else 'off'}"
        to_device = self.host_to_device_bytes
        sent = "" if to_device is None else f", {to_device / 1e9:.1f} GB/s from the host"
        return (
            f"{self.device}: {self.gemm_flops / 1e12:.3g} TFLOP/s in {self.dtype}{tf32}"
            f" (sides of {self.gemm_side}), copies {self.copy_bytes / 1e9:.1f} GB/s{sent}"
        )


def ceilings(
    device: torch.device,
    dtype: torch.dtype,
    *,
    sides: Sequence[int] | None = None,
    copied: int | None = None,
    seconds: float = 0.5,
) -> Ceilings:
    """What the device can do at most with such numbers, as it is set up in this process (threads,
    TF32). Each of its few measurements takes `seconds`, or three rounds where those take longer;
    `sides` and `copied` bytes are for one on which the usual ones would take too long."""
    kind = device.type
    best, side = max(
        (_gemm(device, dtype, side, seconds), side) for side in sides or SIDES.get(kind, (2048,))
    )
    size = copied or COPIED.get(kind, 1 << 28)
    source = torch.empty(size, dtype=torch.uint8, device=device).fill_(1)
    to = torch.empty_like(source)
    copy = 2 * size / min(timed(device, lambda: to.copy_(source), seconds))
    sent = None
    if kind == "cuda":
        pinned = torch.ones(size // 4, dtype=torch.uint8).pin_memory()
        part = to[: size // 4]
        sent = len(pinned) / min(
            timed(device, lambda: part.copy_(pinned, non_blocking=True), seconds)
        )
    cuda: Any = torch.backends.cuda
    return Ceilings(
        device=name_of(device),
        dtype=str(dtype).removeprefix("torch."),
        gemm_flops=best,
        gemm_side=side,
        tf32=bool(cuda.matmul.allow_tf32) if (kind, dtype) == ("cuda", torch.float32) else None,
        copy_bytes=copy,
        host_to_device_bytes=sent,
        threads=torch.get_num_threads() if kind == "cpu" else None,
    )


def flops(network: nn.Module, *args: Any, **kwargs: Any) -> int:
    """The floating-point operations of one call of a network: two for each multiplication with its
    addition, of its products, convolutions and attention.

    Nothing is computed and no memory taken where the network can be walked through with tensors
    that have a shape alone; else it is called once.
    """
    counter = FlopCounterMode(display=False, custom_mapping=ON_CPU)
    weights = dict(network.named_parameters()) | dict(network.named_buffers())
    empty = {name: torch.empty_like(each, device=META) for name, each in weights.items()}
    try:
        with torch.no_grad(), counter:
            functional_call(network, empty, tree_map(_shape, args), tree_map(_shape, kwargs))
    except (RuntimeError, NotImplementedError):
        # Some ask their inputs for a number, or keep tensors that are no buffers.
        counter = FlopCounterMode(display=False, custom_mapping=ON_CPU)
        with torch.no_grad(), counter:
            network(*args, **kwargs)
    return counter.get_total_flops()


def achieved(work: float, seconds: float, limits: Ceilings) -> dict[str, float]:
    """So many operations in so many seconds: TFLOP/s, and their share of the best product's."""
    rate = work / seconds
    return {
        "tflops": round(rate / 1e12, 4),
        "share_of_gemm": round(rate / limits.gemm_flops, 4),
    }


def timed(
    device: torch.device,
    work: Callable[[], object],
    seconds: float = 0.5,
    fewest: int = FEWEST,
    most: int = MOST,
) -> list[float]:
    """Seconds of the device for each round of some work, after one that is not counted; on CUDA by
    its events. As many rounds as `seconds` hold, at least `fewest`, at most `most`."""
    work()
    one = _by_events if device.type == "cuda" else _by_clock
    took = [one(device, work)]
    while len(took) < fewest or (len(took) < most and sum(took) < seconds):
        took.append(one(device, work))
    return took


def name_of(device: torch.device) -> str:
    """The card's name, or what kind of device it is."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _gemm(device: torch.device, dtype: torch.dtype, side: int, seconds: float) -> float:
    # Of noughts products are faster than of anything else.
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    out = torch.empty_like(left)
    return 2 * side**3 / min(timed(device, lambda: torch.mm(left, right, out=out), seconds))


def _by_events(device: torch.device, work: Callable[[], object]) -> float:
    cuda: Any = torch.cuda
    start, end = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
    start.record()
    work()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / 1000


def _by_clock(device: torch.device, work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _shape(value: Any) -> Any:
    return torch.empty_like(value, device=META) if isinstance(value, torch.Tensor) else value


def main() -> None:
    parser = argparse.ArgumentParser(description="What this machine could do at most")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--dtype", default="float32", help="float32, float16 or bfloat16")
    options = parser.parse_args()
    found = ceilings(torch.device(options.device), getattr(torch, options.dtype))
    print(found.said)
    print(json.dumps(asdict(found)))


if __name__ == "__main__":
    main()
