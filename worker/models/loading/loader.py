"""From files to a model on its device: diffusers and transformers do the loading."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import diffusers
import psutil
import safetensors.torch
import torch
import transformers
from diffusers.loaders import single_file_utils
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.utils import logging as diffusers_logging
from transformers import AutoTokenizer, CLIPTextModel, CLIPTextModelWithProjection
from transformers.utils import logging as transformers_logging

from worker.engine.errors import ModelUnavailable
from worker.engine.parts.model import LoadedModel
from worker.engine.prompt.prompt import TextEncoder
from worker.engine.whole.pipeline import WholeModel
from worker.models.catalogue import ModelEntry
from worker.models.files.shape import Shape, read_shape, text_parts
from worker.models.files.sources import (
    UNUSED,
    ModelFiles,
    SourceError,
    check_whole,
    locate,
    locate_tiny_vae,
    read_json,
    weighty_parts,
)
from worker.models.loading.free import HEADROOM, free_bytes

log = logging.getLogger(__name__)

# Neither library's loading functions are typed.
UNet: Any = UNet2DConditionModel
VAE: Any = AutoencoderKL
TinyVAE: Any = AutoencoderTiny
LIBRARIES: dict[str, Any] = {"diffusers": diffusers, "transformers": transformers}
TEXT_MODELS: dict[str, Any] = {
    "CLIPTextModel": CLIPTextModel,
    "CLIPTextModelWithProjection": CLIPTextModelWithProjection,
}
Tokenizer: Any = AutoTokenizer
load_file: Any = cast(Any, safetensors.torch).load_file
create_clip: Any = cast(Any, single_file_utils).create_diffusers_clip_model_from_ldm

CHUNK = 1 << 24
"""Bytes read at once, and told."""

READ = 0.5
"""Share of the loading that reading the files is; the rest is making modules of them."""

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


Report = Callable[[float], None]
"""Takes how much of a model has been read: 0 to 1, never less than before."""


def load_model(
    entry: ModelEntry, device: torch.device, progress: Report | None = None
) -> LoadedModel | WholeModel:
    """Load a model's weights, ready for inference on `device`. Takes seconds to minutes.

    Nothing is downloaded, no code of the model's own is run, and only safetensors are read.
    `progress` is told how far it is as the files are read. Raises ModelUnavailable with a sentence
    that names the model and what is wrong.
    """
    started = time.monotonic()
    try:
        files = locate(entry)
        shape = read_shape(entry.name, files)
        check_whole(entry.name, files)
        quiet()
        reading = _Reading(files, progress or (lambda fraction: None))
        if shape.batched:
            model = _load(entry, files, shape, device, reading)
        else:
            model = _load_whole(entry, files, device, reading)
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
    reading.done()
    seconds = time.monotonic() - started
    log.info("Loaded %s (%.1f MB) in %.1f s.", entry.name, model_bytes(model) / 1e6, seconds)
    return model


def quiet() -> None:
    """No progress bars of the libraries: those are for a person who waits at a terminal."""
    for library in (diffusers_logging, transformers_logging):
        cast(Any, library).disable_progress_bar()


def model_dtype(entry: ModelEntry, device: torch.device) -> torch.dtype:
    """The number format an entry's weights get on `device`.

    On a CPU that is fp32 also where bf16 would be faster, so that one seed makes the same picture
    on every machine; `dtype` in models.toml asks for bf16.
    """
    if entry.dtype == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    return DTYPES[entry.dtype]


def needed_bytes(entry: ModelEntry, device: torch.device) -> int:
    """Memory of `device` that loading a model needs at least, from the headers of its files.

    Where the text encoders and the autoencoder may stay in main memory that is its largest part.
    Raises SourceError.
    """
    files = locate(entry)
    itemsize = model_dtype(entry, device).itemsize
    whole, largest = files.parameters() * itemsize, files.largest() * itemsize
    if device.type != "cuda" or entry.offload == "never":
        return whole
    total: int = cast(Any, torch.cuda).get_device_properties(device).total_memory
    return largest if entry.offload == "always" or whole + HEADROOM > total else whole


def model_bytes(model: LoadedModel | WholeModel) -> int:
    """Memory that a model's parameters and buffers take."""
    if isinstance(model, WholeModel):
        modules = model.modules()
    else:
        texts = [each.model for each in model.text_encoders]
        tiny = [] if model.tiny_vae is None else [model.tiny_vae]
        modules = cast(list[torch.nn.Module], [model.unet, model.vae, *texts, *tiny])
    return sum(
        tensor.numel() * tensor.element_size()
        for module in modules
        for tensor in (*module.parameters(), *module.buffers())
    )


class _Reading:
    """Reads a model's files ahead of the libraries, and tells how far it is.

    The libraries map files into memory, and tell nobody when their bytes come from the disk.
    """

    def __init__(self, files: ModelFiles, report: Report) -> None:
        self._report = report
        self._sizes = {file: file.stat().st_size for file in files.weights()}
        self._total = max(1, sum(self._sizes.values()))
        self._read = self._made = 0
        report(0.0)

    def ahead(self, folder: Path | None = None) -> None:
        """Bring a part's files, or without one all of them, into the system's cache."""
        files = [file for file in self._sizes if folder in (None, file, file.parent)]
        # What does not fit there would be read twice.
        fits = sum(map(self._sizes.__getitem__, files)) < psutil.virtual_memory().available // 2
        buffer = bytearray(CHUNK)
        for file in files:
            with file.open("rb", buffering=0) as opened:
                if not fits:
                    opened.seek(0, os.SEEK_END)
                    self._count(read=self._sizes[file])
                while count := opened.readinto(buffer):
                    self._count(read=count)

    def made(self, folder: Path | None = None) -> None:
        """The modules of a part's folder, or of everything, are there."""
        files = [file for file in self._sizes if folder in (None, file, file.parent)]
        self._count(made=sum(map(self._sizes.__getitem__, files)))

    def done(self) -> None:
        """All is read, and ready."""
        self._report(1.0)

    def _count(self, read: int = 0, made: int = 0) -> None:
        self._read += read
        self._made += made
        share = READ * self._read + (1 - READ) * self._made
        # The last bit is bringing it to its device and fitting the preview.
        self._report(min(0.99, share / self._total))


def _load(
    entry: ModelEntry, files: ModelFiles, shape: Shape, device: torch.device, reading: _Reading
) -> LoadedModel:
    dtype = model_dtype(entry, device)
    index = read_json(files.config / "model_index.json")
    texts = text_parts(index)
    load = _from_folder if files.checkpoint is None else _from_file
    parts = load(files, texts, dtype, reading)
    upcast = shape.family.startswith("sdxl") and parts["vae"].config.force_upcast
    if dtype == torch.float16 and upcast:
        # SDXL's autoencoder leaves the range of fp16. Others say so by default, and do not.
        parts["vae"].to(torch.float32)
    tiny_vae = _tiny_vae(entry, dtype, parts["vae"].config.latent_channels)
    offload = _must_offload(entry, device, parts)
    for name, part in parts.items():
        part.eval().requires_grad_(False).to("cpu" if offload and name != "unet" else device)
    if device.type == "cpu":
        # Measured with the model that ships: the decoder takes 5 to 20 % less time, the UNet none.
        parts["vae"].to(memory_format=torch.channels_last)
    return LoadedModel(
        name=entry.name,
        unet=parts["unet"],
        vae=parts["vae"],
        text_encoders=tuple(
            TextEncoder(_tokenizer(files, part.replace("text_encoder", "tokenizer")), parts[part])
            for part in texts
        ),
        scheduler_config=read_json(files.config / "scheduler" / "scheduler_config.json"),
        device=device,
        dtype=dtype,
        family=shape.family,
        tiny_vae=tiny_vae if tiny_vae is None else tiny_vae.to(device),
        tiny_decode=entry.tiny_decode,
        offload=offload,
        zero_empty_negative=bool(index.get("force_zeros_for_empty_prompt")),
        aesthetic_score=bool(index.get("requires_aesthetics_score")),
    )


def _load_whole(
    entry: ModelEntry, files: ModelFiles, device: torch.device, reading: _Reading
) -> WholeModel:
    dtype = model_dtype(entry, device)
    if entry.dtype == "auto" and dtype == torch.float16 and torch.cuda.is_bf16_supported():
        # Transformers of today are trained in bf16, and their text encoders leave fp16's range.
        dtype = torch.bfloat16
    index = read_json(files.config / "model_index.json")
    parts: dict[str, Any] = {}
    for name in weighty_parts(index):
        library, kind = index[name][:2]
        reading.ahead(files.config / name)
        # A class of the pipeline's own module is left to the pipeline.
        if model_class := getattr(LIBRARIES.get(library), kind, None):
            option = "dtype" if library == "transformers" else "torch_dtype"
            parts[name] = _pretrained(model_class, files, name, **{option: dtype})
            reading.made(files.config / name)
    # Named here and not imported: it imports every pipeline there is, which takes a second and
    # some memory that a worker without such a model can do without.
    pipeline = cast(Any, diffusers).AutoPipelineForText2Image.from_pretrained(
        files.config,
        dtype=dtype,
        use_safetensors=True,
        local_files_only=True,
        variant=files.variant,
        **dict.fromkeys(index.keys() & UNUSED),
        **parts,
    )
    offload = _must_offload(entry, device, pipeline.components)
    return WholeModel(entry.name, pipeline, device, dtype, offload=offload)


def _must_offload(entry: ModelEntry, device: torch.device, parts: Mapping[str, Any]) -> bool:
    """Whether parts stay in main memory until their turn, so that the largest has room."""
    if device.type != "cuda" or entry.offload == "never":
        return False
    if entry.offload == "always":
        return True
    sizes = [
        sum(each.numel() * each.element_size() for each in part.parameters())
        for part in parts.values()
        if isinstance(part, torch.nn.Module)
    ]
    return sum(sizes) + HEADROOM > free_bytes(device) >= max(sizes)


def _tokenizer(files: ModelFiles, part: str) -> Any:
    return Tokenizer.from_pretrained(
        files.config / part, local_files_only=True, trust_remote_code=False
    )


def _tiny_vae(entry: ModelEntry, dtype: torch.dtype, channels: int) -> Any | None:
    folder = locate_tiny_vae(entry)
    if folder is None:
        return None
    tiny = TinyVAE.from_pretrained(
        folder, use_safetensors=True, local_files_only=True, torch_dtype=dtype
    )
    if tiny.config.latent_channels != channels:
        raise SourceError(
            f"models.{entry.name}.tiny_vae: {folder} is for latents of"
            f" {tiny.config.latent_channels} channels; the model's have {channels}."
        )
    return tiny.eval().requires_grad_(False)


def _from_folder(
    files: ModelFiles, texts: list[str], dtype: torch.dtype, reading: _Reading
) -> dict[str, Any]:
    index = read_json(files.config / "model_index.json")
    parts: dict[str, Any] = {}
    for name in ("unet", "vae", *texts):
        reading.ahead(files.config / name)
        if name in texts:
            parts[name] = _pretrained(TEXT_MODELS[index[name][1]], files, name, dtype=dtype)
        else:
            kind = UNet if name == "unet" else VAE
            parts[name] = _pretrained(kind, files, name, torch_dtype=dtype)
        reading.made(files.config / name)
    return parts


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


def _from_file(
    files: ModelFiles, texts: list[str], dtype: torch.dtype, reading: _Reading
) -> dict[str, Any]:
    reading.ahead()
    checkpoint = load_file(str(files.checkpoint))
    index = read_json(files.config / "model_index.json")
    # `config` is a folder here, so that diffusers has nothing to look up on the hub.
    options: dict[str, Any] = {
        "config": str(files.config),
        "torch_dtype": dtype,
        "local_files_only": True,
    }
    parts: dict[str, Any] = {}
    try:
        for name, kind in (("unet", UNet), ("vae", VAE)):
            parts[name] = kind.from_single_file(checkpoint, subfolder=name, **options)
    except NotImplementedError as error:
        # diffusers gives what the file lacks no memory, and fails where it brings all to a dtype.
        part = "autoencoder" if parts else "UNet"
        raise SourceError(f"{files.checkpoint} lacks some weights of the {part}.") from error
    for name in texts:
        kind = TEXT_MODELS[index[name][1]]
        parts[name] = create_clip(kind, checkpoint, subfolder=name, **options)
    for name, part in parts.items():
        _check_complete(files, name, part)
    reading.made()
    return parts


def _check_complete(files: ModelFiles, name: str, part: torch.nn.Module) -> None:
    # What the file lacks was never given any memory.
    missing = [each for each, weight in part.named_parameters() if weight.is_meta]
    if missing:
        raise SourceError(
            f"{files.checkpoint} lacks {len(missing)} weights of the {name}, such as {missing[0]}."
        )
