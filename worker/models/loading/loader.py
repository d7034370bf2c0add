"""From files to a model on its device: diffusers and transformers do the loading."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any, cast

import diffusers
import torch
from diffusers.utils import logging as diffusers_logging
from transformers import AutoImageProcessor
from transformers.utils import logging as transformers_logging

from worker.engine.errors import ModelUnavailable, say
from worker.engine.families.known import TRANSFORMERS
from worker.engine.families.model import LoadedModel
from worker.engine.families.transformer import Parts
from worker.engine.families.unet import UNetModel
from worker.engine.memory.device import is_out_of_memory, make_current
from worker.engine.parts.visits import Offload
from worker.engine.prompt.kept import KeptEmbeddings
from worker.engine.prompt.text_encoder import TextEncoder
from worker.engine.whole.pipeline import WholeModel
from worker.models.files.architecture import (
    Architecture,
    is_xl,
    read_architecture,
    read_scheduler,
)
from worker.models.files.errors import SourceError
from worker.models.files.formats.layout import UNUSED, class_of, is_part, read_json, text_parts
from worker.models.files.sources import ModelFiles, check_complete, locate
from worker.models.files.whole_pipelines import FROM_PICTURES
from worker.models.loading.memory.free import free_bytes
from worker.models.loading.memory.sizes import chosen_offload, model_bytes, model_dtype
from worker.models.loading.networks.autoencoder import load_autoencoder
from worker.models.loading.networks.dropping import refuse_dropping, text_encoders_away
from worker.models.loading.networks.parts import (
    from_checkpoint,
    from_folder,
    pipeline_parts,
    tiny_autoencoder,
    tokenizer,
)
from worker.models.loading.networks.quantize import quantization
from worker.models.loading.networks.reading import Reading, Report
from worker.models.loading.pretrained import one_at_a_time
from worker.models.tables import ModelEntry

log = logging.getLogger(__name__)

# The library's loading functions are not typed.
ImageProcessor: Any = AutoImageProcessor


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
            said = say(
                "model-exceeds-memory",
                "model: {model} does not fit into the memory of {device}.",
                model=entry.name,
                device=str(device),
            )
            raise ModelUnavailable(said) from error
        said = say(
            "model-does-not-load",
            "model: {model} does not load: {why}",
            model=entry.name,
            why=f"{type(error).__name__}: {error}",
        )
        raise ModelUnavailable(said) from error
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
    load = from_folder if files.checkpoint is None else from_checkpoint
    parts = load(files, texts, dtype, reading)
    if files.vae is not None:
        where = f"{entry.where}.vae"
        own = read_json(files.config / "vae" / "config.json")
        parts["vae"] = load_autoencoder(where, files.vae, own, dtype)
    upcast = is_xl(architecture.family) and parts["vae"].config.force_upcast
    if dtype == torch.float16 and upcast:
        # SDXL's autoencoder leaves the range of fp16. Others say so by default, and do not.
        parts["vae"].to(torch.float32)
    tiny_vae = tiny_autoencoder(entry, dtype, parts["vae"].config.latent_channels)
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
                tokenizer(files, part.replace("text_encoder", "tokenizer")),
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
    parts = pipeline_parts(files, index, dtype, reading, quantized)
    own = read_json(files.config / "vae" / "config.json")
    if files.vae is not None:
        if (kind := class_of(index, "vae")) != "AutoencoderKL":
            raise SourceError(f"{entry.where}.vae: a model with an {kind} takes no other.")
        parts["vae"] = load_autoencoder(f"{entry.where}.vae", files.vae, own, dtype)
    tiny_vae = tiny_autoencoder(entry, dtype, own.get("latent_channels") or own.get("z_dim"))
    offload = _must_offload(entry, device, parts)
    for name, part in parts.items():
        stays = offload and (name != "transformer" or offload != "always")
        part.eval().requires_grad_(False).to("cpu" if stays else device)
    texts = {name: part for name, part in parts.items() if name.startswith("text_encoder")}
    tokenizers = {
        name: tokenizer(files, name)
        for name in index
        if "tokenizer" in name and class_of(index, name)
    }
    if class_of(index, "processor"):
        # Of a processor all but what reads films, which needs torchvision.
        tokenizers["image_processor"] = ImageProcessor.from_pretrained(
            files.config / "processor", local_files_only=True, trust_remote_code=False
        )
        if "tokenizer" not in tokenizers:
            tokenizers["tokenizer"] = tokenizer(files, "processor")
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
            options={key: value for key, value in index.items() if not is_part(value)},
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


def _load_whole(
    entry: ModelEntry, files: ModelFiles, device: torch.device, reading: Reading
) -> WholeModel:
    dtype = _transformer_dtype(entry, device)
    index = read_json(files.config / "model_index.json")
    parts = pipeline_parts(files, index, dtype, reading)
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
    """Which parts stay in main memory until their turn, by the room that there is now."""
    sizes = {
        name: sum(each.numel() * each.element_size() for each in part.parameters())
        for name, part in parts.items()
        if isinstance(part, torch.nn.Module)
    }
    return chosen_offload(entry, device, sizes, free_bytes(device))
