"""The parts of a model from their files: a folder for each, a file for each, or a checkpoint."""

from __future__ import annotations

import re
import warnings
from typing import Any, cast

import diffusers
import safetensors.torch
import torch
import transformers
from diffusers.loaders import single_file_utils
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from transformers import (
    AutoTokenizer,
    CLIPTextModel,
    CLIPTextModelWithProjection,
)

from worker.models.files.errors import SourceError
from worker.models.files.formats.gguf_file import SUFFIX
from worker.models.files.formats.layout import class_of, read_json, weighty_parts
from worker.models.files.single_files.pieces import Piece
from worker.models.files.sources import ModelFiles, locate_tiny_vae
from worker.models.loading.networks.autoencoder import load_autoencoder_piece
from worker.models.loading.networks.pieces import load_encoder, load_transformer
from worker.models.loading.networks.quantize import by_torchao, quantize
from worker.models.loading.networks.reading import Reading
from worker.models.loading.pretrained import load_pretrained
from worker.models.tables import ModelEntry

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


VOCABULARY = "tokenizer.model"

EARLY_TEXT = re.compile(r"^(cond_stage_model\.transformer\.)(embeddings\.|encoder\.|final_)")
"""How the text encoder was named by programs of early days, which left a part of the path out."""


def pipeline_parts(
    files: ModelFiles,
    index: dict[str, Any],
    dtype: torch.dtype,
    reading: Reading,
    quantized: Any | None = None,
) -> dict[str, Any]:
    """A pipeline's parts that have weights, but for those of the pipeline's own module, and for an
    autoencoder that another takes the place of. The transformer is `quantized`, where that says
    how."""
    parts: dict[str, Any] = {}
    for name in weighty_parts(index):
        library, kind = index[name][:2]
        model_class = getattr(LIBRARIES.get(library), kind, None)
        if model_class is None or (name == "vae" and files.vae is not None):
            continue
        piece = files.pieces.get(name)
        place = files.config / name if piece is None else piece.file
        reading.ahead(place)
        if piece is not None:
            parts[name] = _piece(model_class, files, name, piece, dtype, quantized)
        else:
            option = "dtype" if library == "transformers" else "torch_dtype"
            how = {"quantization_config": quantized} if name == "transformer" and quantized else {}
            parts[name] = _part(model_class, files, name, **{option: dtype}, **how)
        reading.made(place)
    return parts


def _piece(
    model_class: Any,
    files: ModelFiles,
    name: str,
    piece: Piece,
    dtype: torch.dtype,
    quantized: Any | None,
) -> Any:
    config = files.config / name
    if name == "vae":
        return load_autoencoder_piece(piece, read_json(config / "config.json"), dtype)
    if name != "transformer":
        return load_encoder(model_class, piece, config, dtype)
    transformer = load_transformer(model_class, piece, config, dtype)
    if quantized is not None:
        if piece.file.suffix == SUFFIX:
            raise SourceError(f"{piece.file} is quantized; leave the key `quantize` out.")
        if not by_torchao(quantized):
            raise SourceError(f"{piece.file}: nf4 is for transformers in the diffusers layout.")
        quantize(transformer, quantized)
    return transformer


def tokenizer(files: ModelFiles, part: str) -> Any:
    """The tokenizer that a model has in the folder `part`."""
    index = read_json(files.config / "model_index.json")
    named = class_of(index, part)
    # The library does not know it by itself, and code that may lie beside it is not run.
    chatglm = named == "ChatGLMTokenizer"
    if chatglm and not (files.config / part / VOCABULARY).is_file():
        raise SourceError(f"{files.config / part} has no {VOCABULARY}, which ChatGLM reads by.")
    kind = _of_kolors(named) if chatglm else Tokenizer
    return kind.from_pretrained(files.config / part, local_files_only=True, trust_remote_code=False)


def _of_kolors(kind: str) -> Any:
    """A class of diffusers' Kolors, which takes a moment to import and warns of what it uses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from diffusers.pipelines.kolors import text_encoder, tokenizer

    return getattr(text_encoder, kind, None) or getattr(tokenizer, kind)


def tiny_autoencoder(entry: ModelEntry, dtype: torch.dtype, channels: int | None) -> Any | None:
    """The AutoencoderTiny that an entry names, for latents of so many channels; None where it names
    none. Raises SourceError."""
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


def from_folder(
    files: ModelFiles, texts: list[str], dtype: torch.dtype, reading: Reading
) -> dict[str, Any]:
    """The UNet, the autoencoder unless another takes its place, and the text encoders `texts`."""
    index = read_json(files.config / "model_index.json")
    parts: dict[str, Any] = {}
    for name in ("unet", *(() if files.vae else ("vae",)), *texts):
        reading.ahead(files.config / name)
        if name in texts:
            kind = index[name][1]
            text_model = TEXT_MODELS.get(kind) or _of_kolors(kind)
            parts[name] = _part(text_model, files, name, dtype=dtype)
        else:
            kind = UNet if name == "unet" else VAE
            parts[name] = _part(kind, files, name, torch_dtype=dtype)
        reading.made(files.config / name)
    return parts


def _part(model_class: Any, files: ModelFiles, part: str, **options: Any) -> Any:
    return load_pretrained(model_class, files.config / part, variant=files.variant, **options)


def from_checkpoint(
    files: ModelFiles, texts: list[str], dtype: torch.dtype, reading: Reading
) -> dict[str, Any]:
    """As `from_folder`, of a checkpoint. Raises SourceError where it lacks weights."""
    reading.ahead()
    checkpoint = {
        EARLY_TEXT.sub(r"\1text_model.\2", key): tensor
        for key, tensor in load_file(str(files.checkpoint)).items()
    }
    index = read_json(files.config / "model_index.json")
    # `config` is a folder here, so that diffusers has nothing to look up on the hub.
    options: dict[str, Any] = {
        "config": str(files.config),
        "torch_dtype": dtype,
        "local_files_only": True,
    }
    parts: dict[str, Any] = {}
    try:
        parts["unet"] = UNet.from_single_file(checkpoint, subfolder="unet", **options)
        if files.vae is None:
            parts["vae"] = VAE.from_single_file(checkpoint, subfolder="vae", **options)
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
