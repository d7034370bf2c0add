"""From files to IP-Adapters and the image encoders that read for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast
from weakref import WeakValueDictionary

import safetensors.torch
import torch
from diffusers.loaders.unet import UNet2DConditionLoadersMixin
from diffusers.models.embeddings import ImageProjection
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from worker.engine.references.image_encoder import ImageEncoder
from worker.engine.references.ip_adapter import LoadedIPAdapter
from worker.models.files.add_ons import weights
from worker.models.files.formats.layout import read_json
from worker.models.files.formats.safetensors_file import read_complete
from worker.models.files.references.adapters import LAYERS, PROJECTION, adapter_for, layers_in
from worker.models.files.references.encoders import Encoder, config_of
from worker.models.files.references.located import encoder_for
from worker.models.loading.finite import check_finite
from worker.models.tables import IPAdapterEntry

# None of these is typed.
load_file: Any = cast(Any, safetensors.torch).load_file
Processor: Any = CLIPImageProcessorPil
Vision: Any = CLIPVisionModelWithProjection
to_diffusers: Any = cast(
    Any, UNet2DConditionLoadersMixin
)._convert_ip_adapter_image_proj_to_diffusers

PREPROCESSOR = "preprocessor_config.json"

_encoders: WeakValueDictionary[tuple[Path, torch.device, torch.dtype], ImageEncoder]
_encoders = WeakValueDictionary()
"""Those in memory: an encoder is larger than all that it reads for, and several have one."""


def load_ip_adapter(
    entry: IPAdapterEntry, device: torch.device, dtype: torch.dtype
) -> LoadedIPAdapter:
    """Read an IP-Adapter and its image encoder. Raises SourceError."""
    file = weights(entry)
    shapes = read_complete(file).shapes
    where = f"{entry.where}.source"
    wanted = adapter_for(where, shapes)
    encoder = encoder_for(entry, file, wanted)
    tensors: dict[str, torch.Tensor] = load_file(str(file))
    check_finite(where, tensors)
    layers = [
        (
            tensors[f"{LAYERS}{number}.to_k_ip.weight"].to(device, dtype),
            tensors[f"{LAYERS}{number}.to_v_ip.weight"].to(device, dtype),
        )
        for number in layers_in(shapes)
    ]
    projection = _projection(
        {
            name.removeprefix(PROJECTION): tensor
            for name, tensor in tensors.items()
            if name.startswith(PROJECTION)
        }
    )
    projection.eval().requires_grad_(False).to(device, dtype)
    return LoadedIPAdapter(
        entry.name,
        _encoder(encoder, device, dtype),
        projection,
        layers,
        device,
        dtype,
        wanted.patches,
    )


def _projection(tensors: dict[str, torch.Tensor]) -> Any:
    """What makes tokens of what was read, in diffusers' layout."""
    if "proj.weight" not in tensors:
        return to_diffusers(UNet2DConditionLoadersMixin(), tensors, low_cpu_mem_usage=False)
    # diffusers takes it that there are four tokens.
    wide = len(tensors["norm.weight"])
    out, vector = tensors["proj.weight"].shape
    made = ImageProjection(vector, wide, out // wide)
    made.load_state_dict(
        {name.replace("proj", "image_embeds"): tensor for name, tensor in tensors.items()}
    )
    return made


def _encoder(found: Encoder, device: torch.device, dtype: torch.dtype) -> ImageEncoder:
    at = found.file.resolve(), device, dtype
    there = _encoders.get(at)
    if there is not None:
        return there
    config = CLIPVisionConfig(**config_of(found))
    model = Vision(config)
    tensors: dict[str, torch.Tensor] = load_file(str(found.file))
    check_finite(str(found.file), tensors)
    # Some files have the numbers of their places as well, and the text encoder beside it.
    model.load_state_dict({name: tensors[name] for name in model.state_dict() if name in tensors})
    model.eval().requires_grad_(False).to(device, dtype)
    beside = found.file.parent / PREPROCESSOR
    said = {"size": config.image_size, "crop_size": config.image_size}
    processor = Processor(**(read_json(beside) if beside.is_file() else said))
    made = _encoders[at] = ImageEncoder(model, processor, device, dtype)
    return made
