"""Where memory ends: smaller forwards, smaller tiles, and a clear word."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.helpers import Shelf, difference, picture, pictures
from tests.pretended import models
from tests.pretended.accelerator.cuda import pretended_cuda
from worker.engine import Engine, OutOfMemory
from worker.engine.memory.device import is_device_lost

Folder = Callable[[str], Path]

SAID = {
    "cuda": "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported",
    "cublas": "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "cudnn": "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    "cudnn9": "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    "engine": "GET was unable to find an engine to execute this computation",
    "hip": "HIP error: out of memory",
    "hipblas": "CUDA error: HIPBLAS_STATUS_ALLOC_FAILED when calling `hipblasCreate(handle)`",
    "miopen": "MIOpen Error: miopenStatusAllocFailed",
    "mps": "MPS backend out of memory (MPS allocated: 9.0 GB, max allowed: 9.07 GB)",
    "metal": "Invalid buffer size: 18.00 GiB",
}
QUICK = ("cuda", "cudnn9", "mps")


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(said, id=name, marks=[] if name in QUICK else pytest.mark.slow)
        for name, said in SAID.items()
    ],
)
def test_whatever_a_forward_says_of_lack_of_memory_makes_smaller_ones(said: str, folder: Folder):
    model = models.load("sd1", folder("sd1"), "float32", "cpu")
    sizes: list[int] = []

    def take(_: Any, inputs: tuple[Any, ...]) -> None:
        sizes.append(len(inputs[0]))
        if len(inputs[0]) > 2:
            raise (torch.AcceleratorError if "error: out" in said else RuntimeError)(said)

    hook = model.unet.register_forward_pre_hook(take)
    engine = Engine(Shelf(model))
    done = pictures(engine, **{str(n): models.request("sd1", seed=n, steps=2) for n in range(3)})
    assert all(each.image is not None for each in done.values())
    assert max(sizes) > 2
    assert sizes[-2:] == [2, 2] or sizes[-1] <= 2

    def never(*_: Any) -> None:
        raise RuntimeError(said)

    hook.remove()
    model.unet.register_forward_pre_hook(never)
    error = pictures(engine, one=models.request("sd1"))["one"].error
    assert isinstance(error, OutOfMemory)
    assert "32x32 does not fit into this device's memory; ask for a smaller one" in str(error)


def test_another_error_of_the_device_is_no_lack_of_memory():
    assert is_device_lost(torch.AcceleratorError("CUDA error: an illegal memory access"))
    assert not is_device_lost(torch.AcceleratorError(SAID["cuda"]))


SIDE = 128
LARGER = {"qwen-image-21": 256}
"""Where a tile of the smallest size is as many pixels."""


@pytest.mark.parametrize(
    "family",
    ["sdxl", *models.TRANSFORMERS],
)
@pytest.mark.slow
def test_tiles_become_smaller_until_they_fit(folder: Folder, family: str):
    with pretended_cuda() as device:
        model = models.load(family, folder(family), "float32")
        autoencoder, memory = model.autoencoder, device.memory
        vae = autoencoder.vae
        generator = torch.Generator().manual_seed(0)
        side = LARGER.get(family, SIDE)
        size = (1, model.latent_channels, *model.latent_size(side, side))
        latents = torch.randn(size, generator=generator).to("cuda")
        attributes = {name: each for name, each in vars(vae).items() if "til" in name}
        noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)

        def taken(work: Callable[[], Any]) -> tuple[Any, int]:
            before = memory.used[0]
            torch.cuda.reset_peak_memory_stats()
            with torch.inference_mode():
                return work(), memory.peak[0] - before

        for work in (
            lambda: autoencoder.decode(latents),
            lambda: autoencoder.encode(autoencoder.pixels(noise), torch.Generator().manual_seed(1)),
        ):
            whole, needed = taken(work)
            most = memory.total
            for share in (0.8, 0.5):
                memory.total = memory.used[0] + round(share * needed)
                small, took = taken(work)
                memory.total = most
                assert took <= share * needed
                assert small.shape == whole.shape
                assert {n: e for n, e in vars(vae).items() if "til" in n} == attributes
        memory.total = memory.used[0] + needed // 100
        with pytest.raises(torch.OutOfMemoryError), torch.inference_mode():
            autoencoder.decode(latents)


def test_a_picture_in_tiles_is_nearly_the_same(folder: Folder):
    """Through the engine, where the decoder alone finds no room."""
    request = models.request("sdxl", width=SIDE, height=SIDE, steps=1)
    whole = picture(Engine(Shelf(models.load("sdxl", folder("sdxl"), "float32", "cpu"))), request)
    model = models.load("sdxl", folder("sdxl"), "float32", "cpu")
    decoded: list[int] = []

    def take(_: Any, inputs: tuple[Any, ...]) -> None:
        decoded.append(inputs[0].shape[-1])
        if inputs[0].shape[-1] > 20:
            raise RuntimeError(SAID["engine"])

    model.vae.decoder.register_forward_pre_hook(take)
    tiled = picture(Engine(Shelf(model)), request)
    assert sorted(set(decoded), reverse=True)[:3] == [64, 32, 16]
    assert difference(tiled, whole) > 0
    # Random weights on noise: what a layer normalizes over differs from tile to tile.
    assert np.corrcoef(tiled.ravel(), whole.ravel())[0, 1] > 0.85
