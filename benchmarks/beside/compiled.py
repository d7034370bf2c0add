"""Diffusers compiled as its documentation recommends, with nothing of ours in it: arm K.

https://huggingface.co/docs/diffusers/optimization/fp16#torchcompile
"""

from typing import Any

import torch

FASTEST = "max-autotune"
"""The documentation's mode for speed. It tries many ways to compile each product, for minutes."""

MODES = (FASTEST, "reduce-overhead", "default")
"""In the order of what they take to compile; the second is what the documentation has for regions
of a network, and makes CUDA graphs like the first."""


def compile_pipeline(pipeline: Any, mode: str = FASTEST) -> Any:
    """The pipeline with its denoiser and its decoder compiled, each as one graph and channels_last.

    They are compiled in the first call, and again for another size or number of pictures: its
    seconds are the compilation's.
    """
    if mode == FASTEST:
        settings: Any = torch._inductor.config
        settings.conv_1x1_as_mm = True
        settings.coordinate_descent_tuning = True
        settings.epilogue_fusion = False
        settings.coordinate_descent_check_all_directions = True
    options: dict[str, Any] = {"fullgraph": True}
    if mode != "default":
        options["mode"] = mode
    name = "unet" if getattr(pipeline, "unet", None) is not None else "transformer"
    denoiser, vae = getattr(pipeline, name), pipeline.vae
    for each in (denoiser, vae):
        each.to(memory_format=torch.channels_last)
    setattr(pipeline, name, torch.compile(denoiser, **options))
    vae.decode = torch.compile(vae.decode, **options)
    return pipeline
