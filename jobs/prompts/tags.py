"""`<lora:name:0.8>` in a prompt: AUTOMATIC1111's way to ask for a LoRA."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from jobs.prompts import block_weights
from jobs.sentences import say, shown

TAG = re.compile(r"<\s*([A-Za-z]\w*)\s*:([^<>]*)>")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,3})?", re.ASCII | re.IGNORECASE)
NAMED = re.compile(r"(\w+)\s*=\s*(.*)", re.ASCII)

_UNCLOSED = re.compile(r"<\s*(?:lora|lyco)\s*:[^<>]*", re.IGNORECASE)

KINDS = ("lora", "lyco")
"""Both name what lies in one folder; `lyco` was an extension's word for the later forms of it."""


@dataclass(frozen=True)
class LoraTag:
    """A LoRA that a prompt asks for, how strongly it acts, where that is another number how
    strongly on the text encoders, and how much of its weight acts in which blocks."""

    name: str
    weight: float = 1.0
    text_encoder_weight: float | None = None
    block_weights: Mapping[str, float] = field(default_factory=dict[str, float])

    def __add__(self, other: LoraTag) -> LoraTag:
        weight = round(self.weight + other.weight, 6)
        reading = round(self._reading + other._reading, 6)
        return replace(
            self, weight=weight, text_encoder_weight=None if reading == weight else reading
        )

    @property
    def key(self) -> tuple[str, str]:
        """Of tags that are of one LoRA in the same blocks."""
        return self.name, block_weights.written(self.block_weights)

    @property
    def _reading(self) -> float:
        return self.weight if self.text_encoder_weight is None else self.text_encoder_weight


@dataclass(frozen=True)
class Tagged:
    """A prompt without its tags, otherwise as it was, the LoRAs that they name, and what is wrong
    with others, in sentences."""

    prompt: str
    loras: list[LoraTag]
    faults: list[str]


def split_tags(prompt: str) -> Tagged:
    """Takes the tags out of a prompt.

    As AUTOMATIC1111's: `<lora:name:0.8>`, where a weight that is left out is 1, and
    `<lora:name:0.8:0.5>` with one for the text encoders and one for the UNet, which may be named
    (`te=0.8`, `unet=0.5`); behind them block weights as the extension for them has it, by a
    preset's name or as a list, with or without `lbw=`. A LoRA that is named twice with the same
    block weights comes once, in its first place, with the sums of its weights.
    """
    loras: dict[tuple[str, str], LoraTag] = {}
    faults: list[str] = []

    def take(tag: re.Match[str]) -> str:
        written = shown(tag[0])
        if tag[1].lower() not in KINDS:
            faults.append(
                say(
                    "tag-kind",
                    "`{tag}` is a tag of a kind that is not done here; lora and lyco are",
                    tag=written,
                )
            )
            return tag[0]
        found = _read(tag[2])
        if isinstance(found, str):
            faults.append(f"`{written}` {found}")
            return tag[0]
        loras[found.key] = loras[found.key] + found if found.key in loras else found
        return ""

    rest = TAG.sub(take, prompt)
    return Tagged(rest, list(loras.values()), faults)


def unclosed_tag(prompt: str) -> str | None:
    """What of a prompt without its tags was begun as one and never closed."""
    match = _UNCLOSED.search(prompt)
    return match[0] if match else None


def tag_of(
    name: str,
    weight: float,
    text_encoder_weight: float | None,
    weights: Mapping[str, float] | None = None,
) -> str:
    """A LoRA as a tag, with its weights by block."""
    reading = weight if text_encoder_weight is None else text_encoder_weight
    blocks = block_weights.written(weights or {})
    if blocks:
        return f"<lora:{name}:{reading:g}:{weight:g}:lbw={blocks}>"
    if reading == weight:
        return f"<lora:{name}:{weight:g}>"
    return f"<lora:{name}:{reading:g}:{weight:g}>"


def _read(inside: str) -> LoraTag | str:
    """The tag's LoRA, or what is wrong with it."""
    name, *options = (part.strip() for part in inside.split(":"))
    if not name:
        return "names no LoRA"
    places = ["te", "unet"]
    placed: dict[str, float] = {}
    by_name: dict[str, float] = {}
    blocks: dict[str, float] = {}
    for option in options:
        named = NAMED.fullmatch(option)
        if (listed := _blocks_in(option, named)) is not None:
            try:
                blocks = block_weights.read(listed)
            except ValueError as error:
                return str(error)
            continue
        place = named[1].lower() if named else places.pop(0) if places else None
        if place not in ("te", "unet"):
            what = f"`{shown(option)}`" if option else "more"
            return f"says {what} beside its two weights, which is not done here"
        written = named[2].strip() if named else option
        if written and not NUMBER.fullmatch(written):
            return f"has a weight that is no number: {shown(written)}"
        if written:
            (by_name if named else placed)[place] = float(written)
    # As there, a weight that is named goes before one in its place.
    weights = placed | by_name
    reading = weights.get("te", 1.0)
    weight = weights.get("unet", reading)
    return LoraTag(name, weight, None if reading == weight else reading, blocks)


def _blocks_in(option: str, named: re.Match[str] | None) -> str | None:
    """What of an option are weights by block, with their name or by their looks."""
    if named:
        return named[2].strip() if named[1].lower() == "lbw" else None
    return option if "," in option or option.upper() in block_weights.PRESETS else None
