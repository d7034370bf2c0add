"""From files to a model on its device: diffusers and transformers do the loading."""

from __future__ import annotations

import logging
import time
from typing import Any, cast

import safetensors.torch
import torch
from diffusers.loaders import single_file_utils
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.utils import logging as diffusers_logging
from transformers import AutoTokenizer, CLIPTextModel
from transformers.utils import logging as transformers_logging

from worker.engine.errors import ModelUnavailable
from worker.engine.model import LoadedModel
from worker.models.catalogue import ModelEntry
from worker.models.shape import read_shape
from worker.models.sources import ModelFiles, SourceError, locate, read_json

log = logging.getLogger(__name__)

# Neither library's loading functions are typed.
UNet: Any = UNet2DConditionModel
VAE: Any = AutoencoderKL
CLIP: Any = CLIPTextModel
Tokenizer: Any = AutoTokenizer
load_file: Any = cast(Any, safetensors.torch).load_file
create_clip: Any = cast(Any, single_file_utils).create_diffusers_clip_model_from_ldm

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def load_model(entry: ModelEntry, device: torch.device) -> LoadedModel:
    """Load a model's weights, ready for inference on `device`. Takes seconds to minutes.

    Nothing is downloaded, no code of the model's own is run, and only safetensors are read.
    Raises ModelUnavailable with a sentence that names the model and what is wrong.
    """
    started = time.monotonic()
    try:
        files = locate(entry)
        read_shape(entry.name, files)
        model = _load(entry, files, device)
    except (ModelUnavailable, SourceError) as error:
        raise ModelUnavailable(str(error)) from error
    except torch.OutOfMemoryError as error:
        raise ModelUnavailable(
            f"model: {entry.name} does not fit into the memory of {device}."
        ) from error
    # Loading goes through two libraries that raise whatever a broken file makes them raise.
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise ModelUnavailable(f"model: {entry.name} does not load: {reason}") from error
    seconds = time.monotonic() - started
    log.info("Loaded %s (%.1f MB) in %.1f s.", entry.name, model_bytes(model) / 1e6, seconds)
    return model


def model_dtype(entry: ModelEntry, device: torch.device) -> torch.dtype:
    """The number format an entry's weights get on `device`."""
    if entry.dtype == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    return DTYPES[entry.dtype]


def model_bytes(model: LoadedModel) -> int:
    """Memory that a model's parameters and buffers take."""
    modules = cast(list[torch.nn.Module], [model.unet, model.vae, model.text_encoder])
    return sum(
        tensor.numel() * tensor.element_size()
        for module in modules
        for tensor in (*module.parameters(), *module.buffers())
    )


def _load(entry: ModelEntry, files: ModelFiles, device: torch.device) -> LoadedModel:
    # Their progress bars are for a person who waits at a terminal; a worker has a log.
    for library in (diffusers_logging, transformers_logging):
        cast(Any, library).disable_progress_bar()
    dtype = model_dtype(entry, device)
    parts = _from_folder(files, dtype) if files.checkpoint is None else _from_file(files, dtype)
    for part in parts.values():
        part.eval().requires_grad_(False).to(device)
    if device.type == "cpu":
        # Measured with the model that ships: the decoder takes 5 to 20 % less time, the UNet none.
        parts["vae"].to(memory_format=torch.channels_last)
    return LoadedModel(
        name=entry.name,
        **parts,
        tokenizer=Tokenizer.from_pretrained(
            files.config / "tokenizer", local_files_only=True, trust_remote_code=False
        ),
        scheduler_config=read_json(files.config / "scheduler" / "scheduler_config.json"),
        device=device,
        dtype=dtype,
    )


def _from_folder(files: ModelFiles, dtype: torch.dtype) -> dict[str, Any]:
    return {
        "unet": _pretrained(UNet, files, "unet", torch_dtype=dtype),
        "vae": _pretrained(VAE, files, "vae", torch_dtype=dtype),
        "text_encoder": _pretrained(CLIP, files, "text_encoder", dtype=dtype),
    }


def _pretrained(model_class: Any, files: ModelFiles, part: str, **options: Any) -> Any:
    model, info = model_class.from_pretrained(
        files.config / part,
        use_safetensors=True,
        local_files_only=True,
        variant=files.variant,
        output_loading_info=True,
        **options,
    )
    # Both libraries fill what is missing with noise, and only warn.
    missing = sorted(info["missing_keys"])
    if missing:
        raise SourceError(
            f"{files.config / part} lacks {len(missing)} of its weights, such as {missing[0]}."
        )
    return model


def _from_file(files: ModelFiles, dtype: torch.dtype) -> dict[str, Any]:
    checkpoint = load_file(str(files.checkpoint))
    # `config` is a folder here, so that diffusers has nothing to look up on the hub.
    options: dict[str, Any] = {
        "config": str(files.config),
        "torch_dtype": dtype,
        "local_files_only": True,
    }
    return {
        "unet": UNet.from_single_file(checkpoint, subfolder="unet", **options),
        "vae": VAE.from_single_file(checkpoint, subfolder="vae", **options),
        "text_encoder": create_clip(CLIPTextModel, checkpoint, subfolder="text_encoder", **options),
    }
