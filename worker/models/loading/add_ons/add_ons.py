"""From files to what is added to a model: LoRAs, textual inversions, ControlNets and the rest."""

from __future__ import annotations

import json
import logging
import math
import re
import time
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, TypeVar, cast

import safetensors.torch
import torch
from diffusers.loaders.lora_base import LORA_ADAPTER_METADATA_KEY
from diffusers.loaders.lora_pipeline import StableDiffusionXLLoraLoaderMixin
from diffusers.utils import state_dict_utils

from worker.engine.errors import ModelUnavailable, say
from worker.engine.memory.device import is_out_of_memory, make_current
from worker.engine.model_source import AddOnKind
from worker.engine.parts.lora import LoraLayer, LoraWeights
from worker.models.files.add_ons import (
    embedding_names,
    vae_files,
    weights,
)
from worker.models.files.architecture import is_xl, read_architecture
from worker.models.files.configurations.claims import read_claims
from worker.models.files.errors import SourceError
from worker.models.files.formats.layout import read_json
from worker.models.files.formats.places import find_path
from worker.models.files.formats.safetensors_file import read_complete
from worker.models.files.loras.families import lora_for
from worker.models.files.loras.names import is_plain
from worker.models.files.sources import locate
from worker.models.loading.add_ons.controlnets import load_controlnet
from worker.models.loading.add_ons.face_restorer import load_face_restorer
from worker.models.loading.add_ons.loras import read_any_lora
from worker.models.loading.add_ons.references import load_ip_adapter
from worker.models.loading.add_ons.upscaler import load_upscaler
from worker.models.loading.finite import check_finite
from worker.models.loading.networks.autoencoder import load_autoencoder
from worker.models.loading.pretrained import one_at_a_time
from worker.models.tables import (
    AddOnEntry,
    ControlNetEntry,
    FaceRestorerEntry,
    IPAdapterEntry,
    ModelEntry,
    VaeEntry,
)

log = logging.getLogger(__name__)

# None of these functions is typed.
load_file: Any = cast(Any, safetensors.torch).load_file
lora_state_dict: Any = cast(Any, StableDiffusionXLLoraLoaderMixin).lora_state_dict
unet_to_peft: Any = cast(Any, state_dict_utils).convert_unet_state_dict_to_peft
text_to_diffusers: Any = cast(Any, state_dict_utils).convert_state_dict_to_diffusers
diffusers_to_peft: Any = cast(Any, state_dict_utils).convert_state_dict_to_peft
Names: Any = cast(Any, state_dict_utils).StateDictType

Tensors = dict[str, torch.Tensor]
T = TypeVar("T")

SGM = SimpleNamespace(layers_per_block=2)
"""Only LoRAs for SDXL count blocks as Stability's own code does; its UNets have two layers each."""


@one_at_a_time
def load_add_on(
    kind: AddOnKind, entry: AddOnEntry, device: torch.device, dtype: torch.dtype
) -> Any:
    """Load what a picture adds to its model, onto the model's device and in its dtype.

    That is a LoraWeights, a LoadedControlNet, a LoadedIPAdapter, a PixelUpscaler or a FaceRestorer.
    Takes tenths of a second to seconds. Raises ModelUnavailable with a sentence.
    """
    load: dict[AddOnKind, Callable[[], Any]] = {
        "lora": lambda: load_lora(entry, device, dtype),
        "controlnet": lambda: load_controlnet(cast(ControlNetEntry, entry), device, dtype),
        "ip-adapter": lambda: load_ip_adapter(cast(IPAdapterEntry, entry), device, dtype),
        "upscaler": lambda: load_upscaler(weights(entry), device, dtype, entry.name),
        "face-restorer": lambda: load_face_restorer(cast(FaceRestorerEntry, entry), device),
    }
    started = time.monotonic()
    make_current(device)
    loaded = _loading(entry, load[kind])
    log.info("Loaded %s in %.1f s.", entry.where, time.monotonic() - started)
    return loaded


@one_at_a_time
def load_autoencoder_for(
    model: ModelEntry, entry: AddOnEntry, device: torch.device, dtype: torch.dtype
) -> Any:
    """Load an autoencoder that pictures of a model take instead of its own.

    Raises ModelUnavailable with a sentence.
    """

    def load() -> Any:
        files = locate(model)
        own = read_json(files.config / "vae" / "config.json")
        file = vae_files(cast(VaeEntry, entry))[0]
        source = file if file == find_path(entry.source, entry.base) else file.parent
        vae = load_autoencoder(f"{entry.where}.source", source, own, dtype)
        family = read_architecture(model.name, files).family
        if dtype == torch.float16 and is_xl(family) and vae.config.force_upcast:
            vae = vae.float()
        return vae.eval().requires_grad_(False).to(device)

    started = time.monotonic()
    make_current(device)
    loaded = _loading(entry, load)
    log.info("Loaded %s for %s in %.1f s.", entry.where, model.name, time.monotonic() - started)
    return loaded


def load_lora(entry: AddOnEntry, device: torch.device, dtype: torch.dtype) -> LoraWeights:
    """Read a LoRA or a relative of one, as its trainers write it. Raises SourceError."""
    file = weights(entry)
    header = read_complete(file)
    where = f"{entry.where}.source"
    families = lora_for(where, header.shapes, read_claims(file, header).base).families
    if families or not is_plain(header.shapes):
        return read_any_lora(entry.name, where, file, header, device, dtype, families)
    tensors: Tensors = _with_alphas(load_file(str(file)))
    check_finite(where, tensors)
    converted, _ = lora_state_dict(tensors, unet_config=SGM)
    # The peft configuration that diffusers writes into a LoRA's header: `unet.lora_alpha`.
    metadata = json.loads(header.metadata.get(LORA_ADAPTER_METADATA_KEY, "{}"))
    unet, *texts = (
        _layers(entry, rename(_part(converted, part)), _part(metadata, part), device, dtype)
        for part, rename in RENAME.items()
    )
    while texts and not texts[-1]:
        texts.pop()
    return LoraWeights(entry.name, unet, tuple(texts))


def load_embedding(entry: AddOnEntry) -> tuple[torch.Tensor, ...]:
    """Read a textual inversion (arXiv 2208.01618): (tokens, width) for each text encoder, in fp32.

    Raises ModelUnavailable with a sentence.
    """

    def load() -> tuple[torch.Tensor, ...]:
        file = weights(entry)
        names = embedding_names(entry, read_complete(file).shapes)
        tensors: Tensors = load_file(str(file))
        check_finite(f"{entry.where}.source", tensors)
        return tuple(tensors[name].float().view(-1, tensors[name].shape[-1]) for name in names)

    return _loading(entry, load)


def _loading(entry: AddOnEntry, load: Callable[[], T]) -> T:
    try:
        return load()
    except (ModelUnavailable, SourceError) as error:
        raise ModelUnavailable(str(error)) from error
    # Loading goes through libraries that raise whatever a broken file makes them raise.
    except Exception as error:
        if is_out_of_memory(error):
            said = say(
                "add-on-exceeds-memory",
                "{name} does not fit into the device's memory.",
                name=entry.where,
            )
            raise ModelUnavailable(said) from error
        reason = f"{type(error).__name__}: {error}"
        said = say(
            "add-on-does-not-load",
            "{name} does not load: {why}",
            name=entry.where,
            why=reason[:300],
        )
        raise ModelUnavailable(said) from error


def _with_alphas(tensors: Tensors) -> Tensors:
    """kohya's trainers scale each layer by its own alpha / rank: multiplied into the layer here.

    diffusers' reading of alphas that differ between layers misses the attention layers.
    """
    scaled = {name: tensor for name, tensor in tensors.items() if not name.endswith(".alpha")}
    for name, alpha in tensors.items():
        layer = name.removesuffix(".alpha")
        if layer != name and f"{layer}.lora_down.weight" in scaled:
            rank = len(scaled[f"{layer}.lora_down.weight"])
            up = scaled[f"{layer}.lora_up.weight"]
            scaled[f"{layer}.lora_up.weight"] = up.float() * (alpha.float().item() / rank)
    return scaled


def _part(named: Mapping[str, T], part: str) -> dict[str, T]:
    start = f"{part}."
    return {key.removeprefix(start): each for key, each in named.items() if key.startswith(start)}


def _text_names(tensors: Tensors) -> Tensors:
    # Told which names to expect, diffusers leaves the others as they are: a file may have both.
    newer = text_to_diffusers(tensors, original_type=Names.DIFFUSERS_OLD)
    named: Tensors = diffusers_to_peft(
        newer, original_type=state_dict_utils.StateDictType.DIFFUSERS
    )
    return {name.removeprefix("text_model."): tensor for name, tensor in named.items()}


RENAME = {"unet": unet_to_peft, "text_encoder": _text_names, "text_encoder_2": _text_names}
"""What turns the names of each part's tensors into peft's, PATH.lora_A.weight."""


def _layers(
    entry: AddOnEntry,
    tensors: Tensors,
    config: dict[str, Any],
    device: torch.device,
    dtype: torch.dtype,
) -> dict[str, LoraLayer]:
    layers: dict[str, LoraLayer] = {}
    for name, down in tensors.items():
        path, found, rest = name.partition(".lora_A.")
        up = tensors.get(f"{path}.lora_B.weight")
        if rest == "weight" and up is not None:
            scaled = up.float() * _scale(path, len(down), config)
            layers[path] = LoraLayer(down.to(device, dtype), scaled.to(device, dtype))
        elif found or f"{path.partition('.lora_B.')[0]}.lora_A.weight" not in tensors:
            raise SourceError(f"{entry.where}.source: it has half a layer only: {name}.")
        elif name.endswith(".bias"):
            raise SourceError(f"{entry.where}.source: it has biases, which are not supported.")
    return layers


def _scale(path: str, rank: int, config: dict[str, Any]) -> float:
    """alpha / rank of a layer by peft's configuration; 1 without one."""
    if not config:
        return 1.0
    patterns: dict[str, float] = config.get("alpha_pattern") or {}
    fitting = (each for each in patterns if re.match(rf"(.*\.)?({each})$", path))
    pattern = next(fitting, None)
    alpha = config.get("lora_alpha", rank) if pattern is None else patterns[pattern]
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
