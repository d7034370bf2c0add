"""ControlNets and T2I-Adapters in folders and single files, and the models that each steers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from jobs.request.fields.values import ControlType
from worker.models.files.configurations.composed import without
from worker.models.files.configurations.steering import steering_config
from worker.models.files.configurations.unet import controlnet_config
from worker.models.files.configurations.written import write
from worker.models.files.errors import SourceError
from worker.models.files.formats.layout import no_weights, read_json, weights_in
from worker.models.files.formats.places import Patterns, add_on_folder, find_file
from worker.models.files.formats.safetensors_file import Shapes, read_header
from worker.models.files.steering.t2i_adapters import (
    CLASS,
    adapter_config,
    channels_of,
    is_t2i_adapter,
)
from worker.models.files.transformers import transformer_wide
from worker.models.files.widths import channels, first
from worker.models.tables import ControlNetEntry, VaeEntry

LDM = "control_model."
"""How a ControlNet's own tensors begin in the layout that they were first shared in."""

CONTROLLED: dict[str, str] = {
    "SD3ControlNetModel": "sd3",
    "FluxControlNetModel": "flux",
    "QwenImageControlNetModel": "qwen-image",
}
"""The families of transformers that ControlNets steer, by diffusers' classes of those."""

PLAIN, UNION = "ControlNetModel", "ControlNetUnionModel"
"""Those of UNets: for one kind of pictures, and for several."""

EXTRA_CHANNELS = ("extra_conditioning_channels", "extra_condition_channels")
"""Where the configuration of a ControlNet for masks says so."""

TYPES: tuple[str, ...] = get_args(ControlType)
"""The kinds of pictures that ControlNets of several kinds tell apart, as they count them."""


@dataclass(frozen=True)
class Steers:
    """What a model must have to be steered, None where it may be any; for a transformer its family
    and width. `types` are the kinds of pictures that a request has to say one of."""

    given: int | None = None
    channels: tuple[int, ...] | None = None
    transformer: tuple[str, int] | None = None
    types: tuple[str, ...] = ()


def steers(entry: ControlNetEntry) -> Steers:
    """What a ControlNet or T2I-Adapter steers. Raises SourceError for what nothing here runs."""
    folder, _ = controlnet_files(entry)
    config = read_json(folder / "config.json")
    kind = config.get("_class_name", PLAIN)
    if family := CONTROLLED.get(kind):
        if any(config.get(key) for key in EXTRA_CHANNELS):
            raise SourceError(
                f"{entry.where}.source: it is a {kind} that is shown a mask as well, and runs in no"
                " batch."
            )
        modes = int(config.get("num_mode") or 0)
        if modes and (entry.mode is None or entry.mode >= modes):
            raise SourceError(
                f"{entry.where}.mode: it was trained for several kinds of pictures; `mode` says"
                f" which, 0 to {modes - 1}."
            )
        return Steers(transformer=(family, transformer_wide(config)))
    if kind == CLASS:
        return Steers(channels=channels_of(config))
    if config.get("encoder_hid_dim"):
        raise SourceError(
            f"{entry.where}.source: it reads text as Kolors' nets do, by a class that diffusers has"
            " not."
        )
    if kind not in (PLAIN, UNION):
        names = ", ".join((PLAIN, UNION, CLASS, *CONTROLLED))
        raise SourceError(f"{entry.where}.source: it is a {kind}, none of {names}.")
    types = TYPES[: int(config.get("num_control_type") or 0)] if kind == UNION else ()
    if entry.mode is not None and types:
        if entry.mode >= len(types):
            raise SourceError(f"{entry.where}.mode: it knows 0 to {len(types) - 1}.")
        types = ()
    return Steers(first(config.get("cross_attention_dim")), channels(config), types=types)


def controlnet_files(entry: ControlNetEntry) -> tuple[Path, Path | None]:
    """A ControlNet's folder with its config.json, and its single file if it is one.

    Raises SourceError.
    """
    file = None
    source = entry.source
    if source.endswith(".safetensors"):
        file = find_file(source, entry.base, f"{entry.where}.source")
        if entry.config is None:
            return _written_config(entry, file), file
        source = entry.config
    folder = add_on_folder(entry, source, wanted_part(entry))
    if not (folder / "config.json").is_file():
        raise SourceError(f"{entry.where}: {folder} has no config.json; it is no ControlNet.")
    if file is None and not weights_in(folder, entry.variant):
        raise SourceError(f"{entry.where}.source: {no_weights(folder, entry.variant)}")
    return folder, file


def wanted_part(entry: ControlNetEntry | VaeEntry) -> Patterns:
    """Which files of a hub repository a part in a folder of its own needs."""
    if entry.source.endswith(".safetensors"):
        return Patterns(["config.json"], [])
    files = f"*.{entry.variant}.safetensors" if entry.variant else "*.safetensors"
    # A second dot is another variant; a folder in the repository another ControlNet.
    others = ["*/*"] if entry.variant else ["*/*", "*.*.safetensors"]
    return Patterns(["config.json", files], others)


def _written_config(entry: ControlNetEntry, file: Path) -> Path:
    """A folder with the configuration that a file's shapes say."""
    shapes = read_header(file).shapes
    where = f"{entry.where}.source"
    if "difference" in shapes:
        raise SourceError(
            f"{where}: {file} holds the difference to a model, not a ControlNet; the whole one"
            " is shared as well."
        )
    try:
        return write({"config.json": _config(shapes)})
    except (SourceError, KeyError, IndexError, ValueError, OSError) as error:
        raise SourceError(f"{where}: {file} is no ControlNet that is known: {error}.") from error


def _config(shapes: Shapes) -> dict[str, Any]:
    if is_t2i_adapter(shapes):
        return adapter_config(shapes)
    if (known := steering_config(shapes)) is not None:
        return known
    config = controlnet_config(without(shapes, LDM) or shapes)
    if (tasks := shapes.get("task_embedding")) is None:
        return config
    fused = shapes["transformer_layes.0.attn.in_proj_weight"][1]
    return config | {
        "_class_name": UNION,
        "num_control_type": tasks[0],
        "conditioning_channels": 3,
        "num_trans_channel": fused,
        "num_trans_head": max(1, fused // 40),
        "num_trans_layer": len(
            {name.split(".")[1] for name in shapes if name.startswith("transformer_layes.")}
        ),
        "num_proj_channel": shapes["spatial_ch_projs.weight"][0],
    }
