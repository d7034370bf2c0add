"""Random LoRAs, embeddings and ControlNets for the tiny models, as each is shared by its makers."""

from pathlib import Path
from typing import Any, Literal

import torch
from diffusers.models.controlnets.controlnet import ControlNetModel
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from worker.models.tables import AddOnEntry, ControlNetEntry, LoraEntry

LoraFormat = Literal["kohya", "diffusers"]
EmbeddingFormat = Literal["a1111", "diffusers", "sdxl"]

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "net.0.proj", "net.2")
CONVOLUTIONS = ("conv1", "conv2")
TEXT = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")
RANK = 2


def save_tiny_lora(
    file: Path,
    model: Path,
    format: LoraFormat = "kohya",
    seed: int = 0,
    *,
    alpha: float | None = None,
    text: bool = True,
    convolutions: bool = False,
) -> Path:
    """A LoRA for the model in the folder `model`, strong enough to change every picture.

    `kohya` is what most LoRAs are shared as, with each layer's `alpha` (the rank, if None);
    `diffusers` is what `save_lora_weights` writes. `text` changes the text encoders as well.
    """
    generator = torch.Generator().manual_seed(seed)
    unet = UNet2DConditionModel.from_pretrained(model / "unet")
    ends = ATTENTION + (CONVOLUTIONS if convolutions else ())
    tensors: dict[str, torch.Tensor] = {}
    for path, module in _ending(unet, ends):
        tensors |= _lora_layer(("unet", path), module, format, alpha, generator)
    encoders = _text_encoders(model) if text else []
    for part, encoder in encoders:
        if format == "kohya" and len(encoders) > 1:
            part = {"text_encoder": "te1", "text_encoder_2": "te2"}[part]
        elif format == "kohya":
            part = "te"
        for path, module in _ending(encoder, TEXT):
            path = f"text_model.{path.removeprefix('text_model.')}"
            tensors |= _lora_layer((part, path), module, format, alpha, generator)
    return _save(file, tensors)


def save_transformer_lora(file: Path, transformer: Any, seed: int = 0) -> Path:
    """A LoRA for a transformer's attention, as diffusers writes it."""
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, torch.Tensor] = {}
    for path, module in _ending(transformer, ATTENTION):
        down = torch.randn(RANK, module.in_features, generator=generator)
        up = torch.randn(module.out_features, RANK, generator=generator)
        tensors |= {
            f"transformer.{path}.lora_A.weight": down,
            f"transformer.{path}.lora_B.weight": up,
        }
    return _save(file, tensors)


def save_tiny_embedding(
    file: Path,
    format: EmbeddingFormat = "a1111",
    seed: int = 0,
    *,
    widths: tuple[int, ...] = (32,),
    tokens: int = 2,
) -> Path:
    """A textual inversion of `tokens` tokens: one tensor for each text encoder."""
    generator = torch.Generator().manual_seed(seed)
    vectors = [torch.randn(tokens, width, generator=generator) for width in widths]
    names = {"a1111": ["emb_params"], "diffusers": ["<tiny>"], "sdxl": ["clip_l", "clip_g"]}
    return _save(file, dict(zip(names[format], vectors, strict=True)))


def save_tiny_controlnet(folder: Path, model: Path, seed: int = 0, **config: Any) -> Path:
    """A ControlNet for the model in the folder `model`, in the diffusers layout."""
    unet = UNet2DConditionModel.from_pretrained(model / "unet")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(4, 8))
        net.register_to_config(**config)
        # What joins it to the UNet begins at zero, and would stay without an effect.
        for parameter in net.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.3)
    net.save_pretrained(folder, safe_serialization=True)
    return folder


def _lora_layer(
    where: tuple[str, str],
    module: Any,
    format: LoraFormat,
    alpha: float | None,
    generator: torch.Generator,
) -> dict[str, torch.Tensor]:
    part, path = where
    out, *inner = module.weight.shape
    down = torch.randn(RANK, *inner, generator=generator) * 0.2
    up = torch.randn(out, RANK, *[1] * (len(inner) - 1), generator=generator) * 0.2
    if format == "kohya":
        name = f"lora_{part}_{path.replace('.', '_')}"
        scale = torch.tensor(float(RANK if alpha is None else alpha))
        named = {"lora_down.weight": down, "lora_up.weight": up, "alpha": scale}
        return {f"{name}.{end}": tensor for end, tensor in named.items()}
    ends = (
        ("lora_A", "lora_B")
        if part == "unet"
        else ("lora_linear_layer.down", "lora_linear_layer.up")
    )
    return {
        f"{part}.{path}.{end}.weight": tensor for end, tensor in zip(ends, (down, up), strict=True)
    }


def _text_encoders(model: Path) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = [
        ("text_encoder", CLIPTextModel.from_pretrained(model / "text_encoder"))
    ]
    second = model / "text_encoder_2"
    if second.is_dir():
        found.append(("text_encoder_2", CLIPTextModelWithProjection.from_pretrained(second)))
    return found


def _ending(model: Any, ends: tuple[str, ...]) -> list[tuple[str, Any]]:
    return [(path, module) for path, module in model.named_modules() if path.endswith(ends)]


def _save(file: Path, tensors: dict[str, torch.Tensor]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, file, metadata={"format": "pt"})
    return file


def lora_entry(source: Path, name: str = "tiny", **fields: Any) -> LoraEntry:
    """What models.toml would say of a LoRA's file or folder."""
    return LoraEntry(name=name, base=source.parent, section="loras", source=str(source), **fields)


def embedding_entry(source: Path, name: str = "tiny", **fields: Any) -> AddOnEntry:
    """What models.toml would say of an embedding's file or folder."""
    own = {"name": name, "base": source.parent, "section": "embeddings", "source": str(source)}
    return AddOnEntry(**(own | fields))


def controlnet_entry(source: Path, name: str = "tiny", **fields: Any) -> ControlNetEntry:
    """What models.toml would say of a ControlNet's folder or file."""
    own = {"name": name, "base": source.parent, "section": "controlnets", "source": str(source)}
    return ControlNetEntry(**(own | fields))
