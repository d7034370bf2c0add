"""From files to a model on its device: diffusers and transformers do the loading."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from typing import Any, cast

import diffusers
import safetensors.torch
import torch
import transformers
from diffusers.loaders import single_file_utils
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.utils import logging as diffusers_logging
from transformers import (
    AutoImageProcessor,
    AutoTokenizer,
    CLIPTextModel,
    CLIPTextModelWithProjection,
)
from transformers.utils import logging as transformers_logging

from worker.engine.errors import ModelUnavailable
from worker.engine.families.known import TRANSFORMERS
from worker.engine.families.model import LoadedModel
from worker.engine.families.transformer import Parts
from worker.engine.families.unet import UNetModel
from worker.engine.memory.device import is_out_of_memory, make_current
from worker.engine.parts.visits import Offload
from worker.engine.prompt.kept import KeptEmbeddings
from worker.engine.prompt.text_encoder import TextEncoder
from worker.engine.whole.pipeline import WholeModel
from worker.models.files.architecture import Architecture, read_architecture, read_scheduler
from worker.models.files.errors import SourceError
from worker.models.files.gguf_file import SUFFIX
from worker.models.files.layout import UNUSED, class_of, read_json, text_parts, weighty_parts
from worker.models.files.single_files.pieces import Piece
from worker.models.files.sources import ModelFiles, check_complete, locate, locate_tiny_vae
from worker.models.files.whole_pipelines import FROM_PICTURES
from worker.models.loading.autoencoder import load_autoencoder, load_autoencoder_piece
from worker.models.loading.dropping import refuse_dropping, text_encoders_away
from worker.models.loading.free import HEADROOM, free_bytes
from worker.models.loading.pieces import load_encoder, load_transformer
from worker.models.loading.pretrained import load_pretrained, one_at_a_time
from worker.models.loading.quantize import by_torchao, quantization, quantize
from worker.models.loading.reading import Reading, Report
from worker.models.loading.sizes import model_bytes, model_dtype
from worker.models.tables import ModelEntry

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
ImageProcessor: Any = AutoImageProcessor
load_file: Any = cast(Any, safetensors.torch).load_file
create_clip: Any = cast(Any, single_file_utils).create_diffusers_clip_model_from_ldm


EARLY_TEXT = re.compile(r"^(cond_stage_model\.transformer\.)(embeddings\.|encoder\.|final_)")
"""How the text encoder was named by programs of early days, which left a part of the path out."""


@one_at_a_time
def load_model(
    entry: ModelEntry,
    device: torch.device,
    progress: Report | None = None,
    kept: KeptEmbeddings | None = None,
) -> LoadedModel | WholeModel:
    """Load a model's weights, ready for inference on `device`. Takes seconds to minutes.

    Nothing is downloaded, no code of the model's own is run, and only safetensors are read.
    `progress` is told how far it is as the files are read. What text encoders that are dropped
    made is in `kept`. Raises ModelUnavailable with a sentence
    that names the model and what is wrong.
    """
    started = time.monotonic()
    make_current(device)
    try:
        files = locate(entry)
        architecture = read_architecture(entry.name, files)
        check_complete(entry.name, files)
        quiet()
        reading = Reading(files, progress or (lambda fraction: None))
        if architecture.family in TRANSFORMERS:
            model = _load_transformer(entry, files, architecture, device, reading, kept)
        elif entry.quantize is not None:
            raise SourceError(
                f"{entry.where}.quantize: it is for the transformers that share forwards."
            )
        elif architecture.batched:
            model = _load(entry, files, architecture, device, reading, kept)
        else:
            refuse_dropping(entry, "runs whole")
            model = _load_whole(entry, files, device, reading)
    except (ModelUnavailable, SourceError) as error:
        raise ModelUnavailable(str(error)) from error
    # Loading goes through two libraries that raise whatever a broken file makes them raise.
    except Exception as error:
        if is_out_of_memory(error):
            said = f"model: {entry.name} does not fit into the memory of {device}."
            raise ModelUnavailable(said) from error
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


def _load(
    entry: ModelEntry,
    files: ModelFiles,
    architecture: Architecture,
    device: torch.device,
    reading: Reading,
    kept: KeptEmbeddings | None,
) -> LoadedModel:
    dtype = model_dtype(entry, device)
    index = read_json(files.config / "model_index.json")
    texts = text_parts(index)
    load = _from_folder if files.checkpoint is None else _from_file
    parts = load(files, texts, dtype, reading)
    if files.vae is not None:
        where = f"{entry.where}.vae"
        own = read_json(files.config / "vae" / "config.json")
        parts["vae"] = load_autoencoder(where, files.vae, own, dtype)
    upcast = architecture.family.startswith("sdxl") and parts["vae"].config.force_upcast
    if dtype == torch.float16 and upcast:
        # SDXL's autoencoder leaves the range of fp16. Others say so by default, and do not.
        parts["vae"].to(torch.float32)
    tiny_vae = _tiny_vae(entry, dtype, parts["vae"].config.latent_channels)
    offload = _must_offload(entry, device, parts)
    for name, part in parts.items():
        stays = offload and (name != "unet" or offload != "always")
        part.eval().requires_grad_(False).to("cpu" if stays else device)
    away = text_encoders_away(entry, files, {name: parts[name] for name in texts}, device, kept)
    if device.type == "cpu":
        # Measured with the model that ships: the decoder takes 5 to 20 % less time, the UNet none.
        parts["vae"].to(memory_format=torch.channels_last)
    return UNetModel(
        name=entry.name,
        unet=parts["unet"],
        vae=parts["vae"],
        text_encoders=tuple(
            TextEncoder(
                _tokenizer(files, part.replace("text_encoder", "tokenizer")),
                parts[part],
                away.get(part),
            )
            for part in texts
        ),
        scheduler_config=read_scheduler(files),
        device=device,
        dtype=dtype,
        family=architecture.family,
        tiny_vae=tiny_vae if tiny_vae is None else tiny_vae.to(device),
        tiny_decode=entry.tiny_decode,
        offload=offload,
        zero_empty_negative=bool(index.get("force_zeros_for_empty_prompt")),
        aesthetic_score=bool(index.get("requires_aesthetics_score")),
    )


def _load_transformer(
    entry: ModelEntry,
    files: ModelFiles,
    architecture: Architecture,
    device: torch.device,
    reading: Reading,
    kept: KeptEmbeddings | None,
) -> LoadedModel:
    dtype = _transformer_dtype(entry, device)
    index = read_json(files.config / "model_index.json")
    quantized = quantization(entry, device, dtype)
    parts = _weighty(files, index, dtype, reading, quantized)
    own = read_json(files.config / "vae" / "config.json")
    if files.vae is not None:
        if (kind := class_of(index, "vae")) != "AutoencoderKL":
            raise SourceError(f"{entry.where}.vae: a model with an {kind} takes no other.")
        parts["vae"] = load_autoencoder(f"{entry.where}.vae", files.vae, own, dtype)
    tiny_vae = _tiny_vae(entry, dtype, own.get("latent_channels") or own.get("z_dim"))
    offload = _must_offload(entry, device, parts)
    for name, part in parts.items():
        stays = offload and (name != "transformer" or offload != "always")
        part.eval().requires_grad_(False).to("cpu" if stays else device)
    texts = {name: part for name, part in parts.items() if name.startswith("text_encoder")}
    tokenizers = {
        name: _tokenizer(files, name)
        for name in index
        if "tokenizer" in name and class_of(index, name)
    }
    if class_of(index, "processor"):
        # The rest of a processor is the tokenizer, which is there, and one of films.
        tokenizers["image_processor"] = ImageProcessor.from_pretrained(
            files.config / "processor", local_files_only=True, trust_remote_code=False
        )
    return TRANSFORMERS[architecture.family](
        Parts(
            name=entry.name,
            components=parts | tokenizers,
            scheduler_config=read_json(files.config / "scheduler" / "scheduler_config.json"),
            device=device,
            dtype=dtype,
            tiny_vae=tiny_vae if tiny_vae is None else tiny_vae.to(device),
            tiny_decode=entry.tiny_decode,
            offload=offload,
            away=text_encoders_away(entry, files, texts, device, kept),
            options={key: value for key, value in index.items() if not isinstance(value, list)},
            pipeline=str(index["_class_name"]),
            edit_pictures=architecture.edit_pictures,
        )
    )


def _transformer_dtype(entry: ModelEntry, device: torch.device) -> torch.dtype:
    dtype = model_dtype(entry, device)
    if entry.dtype == "auto" and dtype == torch.float16 and torch.cuda.is_bf16_supported():
        # Transformers of today are trained in bf16, and their text encoders leave fp16's range.
        return torch.bfloat16
    return dtype


def _weighty(
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


def _load_whole(
    entry: ModelEntry, files: ModelFiles, device: torch.device, reading: Reading
) -> WholeModel:
    dtype = _transformer_dtype(entry, device)
    index = read_json(files.config / "model_index.json")
    parts = _weighty(files, index, dtype, reading)
    own = str(index["_class_name"])
    # Named here and not imported: it imports every pipeline there is, which takes a second and
    # some memory that a worker without such a model can do without.
    loads = own if own in FROM_PICTURES else "AutoPipelineForText2Image"
    pipeline = getattr(cast(Any, diffusers), loads).from_pretrained(
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


def _must_offload(
    entry: ModelEntry, device: torch.device, parts: Mapping[str, Any]
) -> Offload | None:
    """Which parts stay in main memory until their turn, so that the largest has room."""
    if device.type != "cuda" or entry.offload == "never":
        return None
    if entry.offload != "auto":
        return entry.offload
    sizes = [
        sum(each.numel() * each.element_size() for each in part.parameters())
        for part in parts.values()
        if isinstance(part, torch.nn.Module)
    ]
    return "always" if sum(sizes) + HEADROOM > free_bytes(device) >= max(sizes) else None


def _tokenizer(files: ModelFiles, part: str) -> Any:
    return Tokenizer.from_pretrained(
        files.config / part, local_files_only=True, trust_remote_code=False
    )


def _tiny_vae(entry: ModelEntry, dtype: torch.dtype, channels: int | None) -> Any | None:
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
    files: ModelFiles, texts: list[str], dtype: torch.dtype, reading: Reading
) -> dict[str, Any]:
    index = read_json(files.config / "model_index.json")
    parts: dict[str, Any] = {}
    for name in ("unet", *(() if files.vae else ("vae",)), *texts):
        reading.ahead(files.config / name)
        if name in texts:
            parts[name] = _part(TEXT_MODELS[index[name][1]], files, name, dtype=dtype)
        else:
            kind = UNet if name == "unet" else VAE
            parts[name] = _part(kind, files, name, torch_dtype=dtype)
        reading.made(files.config / name)
    return parts


def _part(model_class: Any, files: ModelFiles, part: str, **options: Any) -> Any:
    return load_pretrained(model_class, files.config / part, variant=files.variant, **options)


def _from_file(
    files: ModelFiles, texts: list[str], dtype: torch.dtype, reading: Reading
) -> dict[str, Any]:
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
