"""Whether a model fits a machine, and which way of keeping it there would. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from jobs.additions.fit import Fit, Quantize, Way
from jobs.sentences import Sentence, say, wording_of
from worker.models.files.formats.gguf_file import SUFFIX
from worker.models.files.formats.layout import read_json
from worker.models.files.sources import ModelFiles
from worker.models.files.transformers import TRANSFORMERS
from worker.models.inventory.sizes import BYTES, Offload, on_device, part_numbers

ITEMS: Mapping[str, int] = {"float32": 4, "float16": 2, "bfloat16": 2}

CARD_WAYS: tuple[tuple[Quantize | None, Offload | None], ...] = (
    (None, None),
    (None, "always"),
    ("int8", None),
    ("int8", "always"),
    (None, "model"),
    ("int8", "model"),
    ("nf4", None),
    ("nf4", "always"),
    ("nf4", "model"),
    (None, "group"),
)
"""What is tried on a card, from what costs a picture least to what costs it most: a text encoder
that visits is nothing beside the steps, int8 is hardly seen, a transformer that leaves and comes
back is as slow as main memory, nf4 shows, and layer by layer each step is slow."""


@dataclass(frozen=True)
class Weights:
    """How many numbers the parts of a model have. `held` are the bytes of those that are quantized
    in their files; `quantizes` is whether its transformer can be, `from_folder` also to nf4."""

    numbers: Mapping[str, int]
    held: Mapping[str, int] = field(default_factory=dict[str, int])
    quantizes: bool = False
    from_folder: bool = True


@dataclass(frozen=True)
class Machine:
    """What there is for models: of the device, and of main memory. `headroom` is left of it for
    the work; `packages` are those that quantizing needs, with whether they are installed."""

    device: str
    is_card: bool
    memory: int
    main_memory: int
    headroom: int
    packages: Mapping[Quantize, tuple[str, bool]]


def weights_of(files: ModelFiles) -> Weights:
    """What lies there of a model. Raises SourceError."""
    if files.checkpoint is not None:
        return Weights(part_numbers(files))
    pipeline = str(read_json(files.config / "model_index.json").get("_class_name"))
    held = {
        part: piece.file.stat().st_size
        for part, piece in files.pieces.items()
        if piece.file.suffix == SUFFIX
    }
    return Weights(
        part_numbers(files),
        held,
        quantizes=pipeline in TRANSFORMERS and "transformer" not in held,
        from_folder=not files.pieces,
    )


def fit(weights: Weights, machine: Machine) -> Fit:
    """The ways in which a model could lie on a machine, and the one that is recommended."""
    ways = list(_ways(weights, machine))
    fitting = [each for each in ways if each.fits and _is_usual(each, machine)]
    ready = [each for each in fitting if each.package is None]
    recommended = next(iter(ready or fitting), None)
    summary = _summary(ways, recommended, machine)
    return Fit(
        device=machine.device,
        memory_bytes=machine.memory,
        work_bytes=machine.headroom,
        parameters=sum(weights.numbers.values()),
        ways=ways,
        recommended=recommended,
        summary=summary,
        wording=wording_of(summary),
    )


def settings_of(way: Way, machine: Machine) -> dict[str, str]:
    """What models.toml has to say for a way: nothing of what is so without it."""
    said: dict[str, str] = {}
    if not machine.is_card and way.dtype != "float32":
        said["dtype"] = way.dtype
    if way.quantize is not None:
        said["quantize"] = way.quantize
    return said


def advice(found: Fit, machine: Machine) -> str:
    """What to do with a model that did not fit as it is kept now, as a sentence."""
    way = found.recommended
    if way is None:
        return "No way of keeping it does."
    said = settings_of(way, machine)
    if way.offload:
        said["offload"] = "auto"
    if not said:
        return "By itself, with nothing else in memory, it would."
    package = f"; that needs the package {way.package}" if way.package else ""
    return f"With {_settings(said)} in models.toml it would take {_gb(way.bytes)} GB{package}."


def _settings(said: Mapping[str, str]) -> str:
    return ", ".join(f'{key} = "{value}"' for key, value in said.items())


def _ways(weights: Weights, machine: Machine) -> Iterator[Way]:
    tried: list[tuple[str, Quantize | None, Offload | None]]
    if machine.is_card:
        half = "float16" if "unet" in weights.numbers else "bfloat16"
        yield _way(weights, machine, "float32", None, None)
        tried = [(half, *each) for each in CARD_WAYS]
    else:
        tried = [("float32", None, None), ("bfloat16", None, None), ("bfloat16", "int8", None)]
    for dtype, quantize, offload in tried:
        if quantize is not None and not weights.quantizes:
            continue
        if offload == "group" and weights.held:
            continue
        if quantize == "nf4" and not weights.from_folder:
            continue
        yield _way(weights, machine, dtype, quantize, offload)


def _way(
    weights: Weights,
    machine: Machine,
    dtype: str,
    quantize: Quantize | None,
    offload: Offload | None,
) -> Way:
    sizes: dict[str, int] = {}
    for part, count in weights.numbers.items():
        quantized = quantize is not None and part == "transformer"
        width = BYTES[quantize] if quantized and quantize else ITEMS[dtype]
        sizes[part] = weights.held.get(part, int(count * width))
    there = on_device(sizes, offload)
    # What comes and goes keeps its place in main memory.
    resting = sizes.get("unet", sizes.get("transformer", 0)) if offload == "always" else 0
    beside = sum(sizes.values()) - resting if offload else 0
    package, installed = machine.packages[quantize] if quantize else ("", True)
    return Way.model_validate(
        {
            "dtype": dtype,
            "quantize": quantize,
            "offload": offload,
            "bytes": there,
            "host_bytes": beside,
            "fits": there + machine.headroom <= machine.memory and beside <= machine.main_memory,
            "package": None if installed else package,
        }
    )


def _is_usual(way: Way, machine: Machine) -> bool:
    """Whether it would be taken: nobody draws in float32 on a card who did not ask for it."""
    return not machine.is_card or way.dtype != "float32"


def _summary(ways: list[Way], way: Way | None, machine: Machine) -> Sentence:
    there = _gb(machine.memory)
    if way is None:
        least = min(ways, key=lambda each: each.bytes)
        return say(
            "fits-not",
            "it does not fit: its weights take {gb} GB of {device} at least, the work {work} GB,"
            " and {there} GB are there",
            gb=_gb(least.bytes),
            work=_gb(machine.headroom),
            there=there,
            device=machine.device,
        )
    said = settings_of(way, machine)
    common: dict[str, str | float] = {
        "gb": _gb(way.bytes),
        "there": there,
        "device": machine.device,
        "offload": way.offload or "",
    }
    turns = " by turns" if way.offload else ""
    if not said:
        template = "it fits{turns}: its weights take {gb} of the {there} GB of {device}"
        return say("fits", template, turns=turns, **common)
    template = "with {settings} it fits{turns}: its weights take {gb} of the {there} GB of {device}"
    if way.package is not None:
        template += "; that needs the package {package}, which is not installed"
    return say(
        "fits-with",
        template,
        turns=turns,
        settings=_settings(said),
        package=way.package or "",
        **common,
    )


def _gb(size: int) -> float:
    return round(size / 1e9, 2)
