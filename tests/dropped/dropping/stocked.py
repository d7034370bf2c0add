"""What stock diffusers is given beside a model, to compare with what the server makes of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

Change = Callable[[Any, Path], Any]
"""A pipeline of diffusers, and a folder for what it is to read, to the pipeline that is run."""

Kind = Callable[[torch.Tensor, torch.Generator], tuple[dict[str, torch.Tensor], torch.Tensor]]
"""From a layer's weight to what a LoRA says of it, and to the weight that it means."""

LAYERS = ("to_q", "to_k", "to_v", "to_out.0", "net.2")


def steered(file: Path) -> Change:
    """By a ControlNet in its inventors' layout."""

    def change(pipe: Any, folder: Path) -> Any:
        from diffusers import ControlNetModel, StableDiffusionControlNetPipeline

        own = ControlNetModel.from_unet(pipe.unet).config
        net = ControlNetModel.from_config(own)
        net.save_config(folder / "controlnet")
        net = ControlNetModel.from_single_file(str(file), config=str(folder / "controlnet"))
        assert pipe.unet.config.cross_attention_dim == net.config.cross_attention_dim
        parts = {**pipe.components, "controlnet": net.float()}
        return StableDiffusionControlNetPipeline(**parts, requires_safety_checker=False)

    return change


def taught(file: Path, word: str) -> Change:
    """A word of a textual inversion."""

    def change(pipe: Any, folder: Path) -> Any:
        pipe.load_textual_inversion(str(file), token=word)
        return pipe

    return change


def merged(kind: Kind, seed: int, strength: float) -> Change:
    """The weights that a LoRA of a kind means, merged by hand; see `tensors_of`."""

    def change(pipe: Any, folder: Path) -> Any:
        for _, module, (_, after) in _each(pipe, kind, seed):
            module.weight.data += strength * (after - module.weight.data)
        return pipe

    return change


def tensors_of(kind: Kind, seed: int, pipe: Any) -> dict[str, torch.Tensor]:
    """A LoRA of a kind for a pipeline's UNet, by the names that kohya gives its layers."""
    return {
        f"lora_unet_{path.replace('.', '_')}.{key}": tensor.contiguous()
        for path, _, (said, _) in _each(pipe, kind, seed)
        for key, tensor in said.items()
    }


def _each(
    pipe: Any, kind: Kind, seed: int
) -> Iterator[tuple[str, Any, tuple[dict[str, torch.Tensor], torch.Tensor]]]:
    generator = torch.Generator().manual_seed(seed)
    for path, module in pipe.unet.named_modules():
        if path.endswith(LAYERS):
            yield path, module, kind(module.weight.detach(), generator)
