"""What the engine is asked for: one image, by which walk, from which noise or picture."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from worker.engine.errors import InvalidRequest

Picture = np.ndarray[Any, np.dtype[np.uint8]]
"""RGB, (height, width, 3)."""

Mask = np.ndarray[Any, np.dtype[np.uint8]]
"""(height, width); 255 is repainted, 0 is kept. What is between is strength or, from one half on,
repainted."""

Fill = Literal["original", "noise", "nothing"]
"""What the latents under a mask begin with."""


Tiling = Literal["none", "x", "y", "both"]
"""Which edges of a picture meet, so that it can be laid beside itself."""


@dataclass(frozen=True)
class Lora:
    """A LoRA (arXiv 2106.09685) by name, how strongly it acts, and where that is another number how
    strongly on the text encoders; `blocks` are how much of its weight acts in blocks of a U-Net, by
    the names of the code that it first came with (IN04, MID, OUT03), 1 where none is said."""

    name: str
    weight: float = 1.0
    text_encoder_weight: float | None = None
    blocks: tuple[tuple[str, float], ...] = ()

    @property
    def reading(self) -> float:
        """How strongly it acts on the text encoders."""
        return self.weight if self.text_encoder_weight is None else self.text_encoder_weight


ControlMode = Literal["balanced", "prompt", "control", "guess"]
"""What counts more where prompt and picture disagree."""


@dataclass(frozen=True, eq=False)
class Control:
    """A ControlNet (arXiv 2302.05543) or T2I-Adapter (arXiv 2302.08453) by name, its picture at the
    image's size, and when it acts.

    `start` and `end` are shares of the steps, as in diffusers. `control_type` says for one of
    several kinds of pictures which this is, as it counts them. With a `mask` of the image's size it
    acts only where that is light.
    """

    name: str
    image: Picture
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0
    control_mode: ControlMode = "balanced"
    control_type: int | None = None
    mask: Mask | None = None


@dataclass(frozen=True, eq=False)
class IPAdapter:
    """An IP-Adapter (arXiv 2308.06721) by name, the pictures that the image is to be like, of any
    size, and when it acts; with a `mask` of the image's size only where that is light."""

    name: str
    images: tuple[Picture, ...]
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0
    mask: Mask | None = None


@dataclass(frozen=True, eq=False)
class ReferenceOnly:
    """A picture of the image's size that it is to be like, which the network sees as it sees the
    image, without weights of its own: in the share `weight` of its attentions, the widest first.

    `style_fidelity` is how much of the row without the prompt is left as it is without the picture,
    so that guidance leads towards it; `start` and `end` are shares of the steps.
    """

    image: Picture
    weight: float = 1.0
    style_fidelity: float = 0.5
    start: float = 0.0
    end: float = 1.0


@dataclass(frozen=True, eq=False)
class Region:
    """A prompt for a part of a picture: the white of `mask`, at the image's size, of which it says
    as much as its weight (0 to 1); the rest is left to the picture's own prompt."""

    prompt: str
    mask: Mask
    weight: float = 1.0


@dataclass(frozen=True)
class FreeU:
    """FreeU (arXiv 2309.11497): how much more of the backbone, and how much less of the skips, in
    the first and the second stage of the way up."""

    b1: float
    b2: float
    s1: float
    s2: float


@dataclass(frozen=True)
class DynamicThresholding:
    """The scale whose range a guided prediction is brought to, and the share of its places that its
    own range is taken from."""

    mimic_scale: float
    percentile: float


@dataclass(frozen=True)
class RestoreFaces:
    """A face restorer by name, and how much of a face is the restored one (0 to 1)."""

    name: str
    strength: float = 1.0


BUILT_IN_UPSCALERS = ("latent", "lanczos", "nearest")
"""Ways to enlarge that need no weights of their own."""


@dataclass(frozen=True)
class Enlarge:
    """A second pass: what there is, brought to a larger size, and denoised again from there.

    `upscaler` is `latent`, `lanczos`, `nearest` or the name of a loaded upscaler; `strength` of 0
    leaves it at the enlarging. With `last` the first pass goes before it whatever that
    began from. With a `prompt` or a `negative_prompt` of its own it draws by that.
    """

    width: int
    height: int
    steps: int
    strength: float
    upscaler: str = "latent"
    last: bool = False
    prompt: str | None = None
    negative_prompt: str | None = None


@dataclass(frozen=True)
class TraceWish:
    """What to keep of an image's steps: of which ones, counted from 0 (None is all), and where
    words were looked at, on the whole or by layer."""

    steps: frozenset[int] | None = None
    attention: Literal["none", "words", "layers"] = "words"


@dataclass(frozen=True, eq=False)
class ImageRequest:
    """One image: what it shows, how large, and by which walk from which noise.

    With an `image` (of `width` x `height`) the walk begins there, `strength` of the way back to
    noise; with a `mask` only what is white in it changes, or with `differential` each part with as
    much of the strength as it is light (arXiv 2306.00950). `clip_skip` counts the text encoder's
    layers from the last, which is 1. `true_cfg_scale` is classifier-free guidance beside the
    guidance that a model was distilled with. An `image` with `enlarge` goes to the second pass at
    once. With `references` they are edited by the prompt: those are the pictures as they came, of
    any size, and `image` the first of them brought to `width` x `height`, for networks that draw
    over it, which `image_guidance_scale` has keep to it. `vae` names an autoencoder that is taken
    instead of the model's own. `blend` is how far the prompt's vectors are moved towards those of
    `blend_prompt`. `pag_scale` is that of perturbed-attention guidance (arXiv 2403.17377).
    """

    model: str
    prompt: str
    negative_prompt: str
    width: int
    height: int
    steps: int
    guidance_scale: float
    seed: int
    sampler: str
    schedule: str = "automatic"
    guidance_rescale: float = 0.0
    true_cfg_scale: float = 1.0
    image_guidance_scale: float = 1.0
    clip_skip: int = 1
    image: Picture | None = None
    references: tuple[Picture, ...] = ()
    mask: Mask | None = None
    differential: bool = False
    fill: Fill = "original"
    strength: float = 1.0
    enlarge: Enlarge | None = None
    loras: tuple[Lora, ...] = ()
    controls: tuple[Control, ...] = ()
    ip_adapters: tuple[IPAdapter, ...] = ()
    reference_only: ReferenceOnly | None = None
    regions: tuple[Region, ...] = ()
    variation_seed: int | None = None
    variation_strength: float = 0.0
    blend_prompt: str | None = None
    blend: float = 0.0
    vae: str | None = None
    class_label: int | None = None
    tiling: Tiling = "none"
    freeu: FreeU | None = None
    dynamic_thresholding: DynamicThresholding | None = None
    pag_scale: float = 0.0
    cfg_plus_plus: bool = False
    restore_faces: RestoreFaces | None = None
    exact: bool = False
    trace: TraceWish | None = None

    @property
    def guided(self) -> bool:
        """Whether the image takes a second row for classifier-free guidance (2207.12598)."""
        return self.guidance_scale > 1


def check_multiple(side: str, pixels: int, factor: int) -> None:
    """Raises InvalidRequest for a side that is no whole number of latent pixels."""
    if pixels < factor or pixels % factor:
        nearest = max(factor, round(pixels / factor) * factor)
        raise InvalidRequest(
            f"{side}: {pixels} is not a multiple of {factor}; the nearest is {nearest}."
        )
