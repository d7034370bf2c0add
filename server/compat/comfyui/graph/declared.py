"""How a node is declared: its inputs and outputs, as ComfyUI has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Type = Literal[
    "MODEL",
    "CLIP",
    "VAE",
    "CONDITIONING",
    "LATENT",
    "IMAGE",
    "MASK",
    "CONTROL_NET",
    "UPSCALE_MODEL",
    "IPADAPTER",
    "CLIP_VISION",
    "INT",
    "FLOAT",
    "STRING",
    "BOOLEAN",
    "COMBO",
    "*",
]

MAX_SIDE = 16384
"""ComfyUI's own; what is possible here is less, and said by the request."""

MAX_SEED = 2**64 - 1


@dataclass(frozen=True)
class Input:
    """One input: a link, a value, or (COMBO) a name of the list `choices`."""

    name: str
    type: Type
    choices: str = ""
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    required: bool = True

    @property
    def is_link(self) -> bool:
        """Whether it can only come from another node."""
        return self.type not in ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")


@dataclass(frozen=True)
class NodeType:
    """A kind of node."""

    name: str
    title: str
    category: str
    inputs: tuple[Input, ...]
    outputs: tuple[Type, ...] = ()
    output_names: tuple[str, ...] = ()
    is_output: bool = False

    def input(self, name: str) -> Input | None:
        """The input of this name."""
        return next((each for each in self.inputs if each.name == name), None)


def link(name: str, type: Type, required: bool = True) -> Input:
    """An input that comes from another node."""
    return Input(name, type, required=required)


def whole(name: str, default: int, least: int, most: int, **more: Any) -> Input:
    """A whole number."""
    options = {"default": default, "min": least, "max": most, **more}
    return Input(name, "INT", options=options)


def number(name: str, default: float, least: float, most: float, step: float = 0.01) -> Input:
    """A number."""
    options = {"default": default, "min": least, "max": most, "step": step}
    return Input(name, "FLOAT", options=options)


def text(name: str) -> Input:
    """A prompt."""
    return Input(name, "STRING", options={"multiline": True, "dynamicPrompts": True})


def choice(name: str, choices: str, **options: Any) -> Input:
    """One of a list."""
    return Input(name, "COMBO", choices, options)


def side(name: str, default: int = 512, least: int = 16, step: int = 8) -> Input:
    """Width or height in pixels."""
    return whole(name, default, least, MAX_SIDE, step=step)
