"""What can be asked for beside kind, sampler and family: each option as the fields of a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from jobs.request.model_card import Kind
from tests.tiny.pipelines.pipelines import SAVERS

PROMPT = "a red apple"
LONG = "a red apple, a cat face, a green heart, a rocket, a birthday cake"
"""More than two windows of the tiny models' text encoders."""

LEARNED, TWIN = "tinyword", "twinword"
"""Two names of one embedding."""

Fields = Mapping[str, Any]
Promise = Literal["shows", "kept", "exact", "larger"]
"""What a picture with the option must be: another one than without it; equal to the original where
the mask is black; equal to the bit alone and among others; twice the size."""

WITHOUT_GUIDANCE = ("lcm", "flux", "flux2")
"""Families that are told the guidance scale, and take no second row."""

UNHEARD = ("flux2-klein",)
"""Families that guide away from an empty prompt, whatever is said."""

LATER = tuple(SAVERS)
"""Families that read a prompt in one piece, and know no learned words."""

TRANSFORMERS = tuple(family for family in LATER if family != "kolors")
"""Those of them without a UNet."""

WITH_LORAS = ("sd3", "flux", "qwen-image", "z-image", "lumina2", "kolors")
WITH_CONTROLS = ("sd3", "flux", "qwen-image")
"""Those of them that take LoRAs, and that have ControlNets."""

PLAIN = tuple(family for family in LATER if family not in WITH_LORAS)
UNSTEERED = tuple(family for family in LATER if family not in WITH_CONTROLS)


@dataclass(frozen=True)
class Option:
    """One option: the request's fields that ask for it, and what must come of it.

    `without` are the fields of the request that its picture must differ from, `like` those of one
    that it must equal, `smaller` those of one that it must be twice as large as.
    """

    title: str
    fields: Fields
    kinds: tuple[Kind, ...] = ("text-to-image", "image-to-image", "inpaint")
    promises: tuple[Promise, ...] = ("shows",)
    not_for: tuple[str, ...] = ()
    only_for: tuple[str, ...] = ()
    without: Fields = field(default_factory=dict[str, Any])
    like: Fields | None = None
    smaller: Fields = field(default_factory=dict[str, Any])

    def kind(self, family: str, does: tuple[Kind, ...]) -> Kind | None:
        """The kind of request in which a family shows the option; None where it does not."""
        if family in self.not_for or (self.only_for and family not in self.only_for):
            return None
        return next((kind for kind in self.kinds if kind in does), None)


def _lora(name: str, weight: float) -> dict[str, Any]:
    return {"name": name, "weight": weight}


def _control(number: int, **fields: Any) -> dict[str, Any]:
    name = ("edges", "depth")[number]
    return {"model": name, "image": f"/controls/{number}/image", **fields}


STRONG = {"guidance_scale": 20.0}
"""Random models listen to their prompts faintly."""


def _ip_adapter(*images: int, number: int = 0, **fields: Any) -> dict[str, Any]:
    at = f"/ip_adapters/{number}"
    named = [f"{at}/images/{image}" for image in images]
    masked = {"mask": f"{at}/mask"} if fields.pop("masked", False) else {}
    return {"model": ("base", "plus")[number], "images": named, **masked, **fields}


SECOND_PASS: tuple[Kind, ...] = ("text-to-image", "image-to-image")
INPAINT: tuple[Kind, ...] = ("inpaint",)


def _fill(title: str, fill: str) -> Option:
    """At full strength flow matching begins with noise alone, whatever is under the mask."""
    weaker = {"strength": 0.7}
    return Option(title, {"fill": fill} | weaker, INPAINT, ("shows", "kept"), without=weaker)


OPTIONS: Mapping[str, Option] = {
    "negative-prompt": Option(
        "Negative prompt",
        {"negative_prompt": "a cat"} | STRONG,
        not_for=(*WITHOUT_GUIDANCE, *UNHEARD),
        without=STRONG,
    ),
    "guidance-scale": Option("Guidance scale", STRONG),
    "guidance-rescale": Option(
        "Guidance rescale",
        {"guidance_rescale": 0.7} | STRONG,
        not_for=WITHOUT_GUIDANCE,
        without=STRONG,
    ),
    "weighting": Option("Prompt weighting", {"prompt": "a (red:1.9) apple"}),
    "long-prompt": Option("Long prompt", {"prompt": LONG}, without={"prompt": f"{LONG}, a house"}),
    "true-cfg-scale": Option(
        "True CFG scale beside distilled guidance",
        {"true_cfg_scale": 20.0, "negative_prompt": "a cat"},
        only_for=("flux",),
        without={"true_cfg_scale": 20.0},
    ),
    "break": Option("Prompt with BREAK", {"prompt": "a red BREAK apple"}, not_for=LATER),
    "editing": Option(
        "Words that change at a step",
        {"prompt": "a [red:green:1] apple", "strength": 1.0},
        without={"strength": 1.0},
    ),
    "alternation": Option(
        "Words by turns",
        {"prompt": "a [red|green] apple", "strength": 1.0},
        without={"strength": 1.0},
    ),
    "and": Option(
        "Prompts joined by AND",
        {"prompt": "a red apple AND a cat :0.8"} | STRONG,
        not_for=WITHOUT_GUIDANCE,
        without=STRONG,
    ),
    "choice": Option("Choices and wildcards", {"prompt": "a {green|blue} apple"}),
    "clip-skip": Option("Clip skip", {"clip_skip": 2}, not_for=LATER[1:]),
    "textual-inversion": Option(
        "Textual inversion",
        {"prompt": f"a red {LEARNED}"},
        not_for=LATER,
        like={"prompt": f"a red {TWIN}"},
    ),
    "lora": Option(
        "LoRA",
        {"prompt": f"<lora:first:0.8>{PROMPT}"},
        not_for=PLAIN,
        like={"loras": [_lora("first", 0.8)]},
    ),
    "lora-blocks": Option(
        "LoRA by block",
        {"loras": [_lora("first", 0.8) | {"block_weights": {"MID": 0.0, "BASE": 0.5}}]},
        not_for=TRANSFORMERS,
        without={"loras": [_lora("first", 0.8)]},
    ),
    "loras": Option(
        "Several LoRAs",
        {"loras": [_lora("first", 0.8), _lora("second", -0.5)]},
        not_for=PLAIN,
        without={"loras": [_lora("first", 0.8)]},
    ),
    "controlnet": Option(
        "ControlNet", {"controls": [_control(0, preprocessor="canny")]}, not_for=UNSTEERED
    ),
    "controlnets": Option(
        "Two ControlNets",
        {"controls": [_control(0), _control(1, weight=0.5, end=0.6)]},
        not_for=UNSTEERED,
        without={"controls": [_control(0)]},
    ),
    "control-mode": Option(
        "ControlNet in mode prompt",
        {"controls": [_control(0, control_mode="prompt")]},
        not_for=LATER,
        without={"controls": [_control(0)]},
    ),
    "control-mask": Option(
        "ControlNet in a part",
        {"controls": [_control(0, mask="/controls/0/mask")]},
        not_for=LATER,
        without={"controls": [_control(0)]},
    ),
    "t2i-adapter": Option(
        "T2I-Adapter",
        {"controls": [_control(0) | {"model": "sketch", "weight": 0.8}]},
        not_for=LATER,
    ),
    "ip-adapter": Option(
        "IP-Adapter",
        {"ip_adapters": [_ip_adapter(0, weight=0.8, end=0.8)]},
        not_for=LATER,
    ),
    "ip-adapters": Option(
        "Two IP-Adapters, of several pictures and in a part",
        {"ip_adapters": [_ip_adapter(0, 1), _ip_adapter(0, number=1, masked=True)]},
        not_for=LATER,
        without={"ip_adapters": [_ip_adapter(0, 1)]},
    ),
    "reference-only": Option(
        "Reference-only",
        {"reference_only": {"image": "/reference_only/image", "style_fidelity": 0.3}},
        not_for=(*TRANSFORMERS, "sd1-inpainting", "sdxl-inpainting"),
    ),
    "regions": Option(
        "Regions",
        {"regions": [{"prompt": "a cat", "box": {"width": 0.5}, "weight": 0.8}]} | STRONG,
        without=STRONG,
    ),
    "tiling": Option("Edges that meet", {"tiling": "both"}, not_for=TRANSFORMERS),
    "freeu": Option("FreeU", {"freeu": {"b1": 1.8, "b2": 1.8}}, not_for=TRANSFORMERS),
    "cfg-plus-plus": Option(
        "CFG++",
        {"cfg_plus_plus": True, "sampler": "euler"} | STRONG,
        not_for=(*TRANSFORMERS, "lcm"),
        without={"sampler": "euler"} | STRONG,
    ),
    "dynamic-thresholding": Option(
        "Dynamic thresholding",
        {"dynamic_thresholding": {"mimic_scale": 2.0, "percentile": 0.9}} | STRONG,
        not_for=WITHOUT_GUIDANCE,
        without=STRONG,
    ),
    "pag": Option("Perturbed-attention guidance", {"pag_scale": 20.0}, not_for=TRANSFORMERS),
    "variation-seed": Option("Variation seed", {"variation_seed": 9, "variation_strength": 0.3}),
    "exact": Option("Exact", {"exact": True}, promises=("exact",)),
    "hires-latent": Option(
        "Second pass from latents",
        {"hires": {"scale": 2.0, "strength": 0.6, "upscaler": "latent"}},
        SECOND_PASS,
        ("larger",),
    ),
    "hires-lanczos": Option(
        "Second pass from pixels",
        {"hires": {"scale": 2.0, "strength": 0.6, "upscaler": "lanczos"}},
        SECOND_PASS,
        ("larger", "shows"),
        without={"hires": {"scale": 2.0, "strength": 0.6, "upscaler": "latent"}},
    ),
    "hires-prompt": Option(
        "Second pass with words of its own",
        {"hires": {"strength": 0.8, "upscaler": "latent", "prompt": "a green heart"}},
        SECOND_PASS,
        ("larger", "shows"),
        without={"hires": {"strength": 0.8, "upscaler": "latent"}},
    ),
    "upscale-latent": Option(
        "Upscale from latents",
        {"upscaler": "latent"},
        ("upscale",),
        ("larger", "shows"),
        without={"upscaler": "lanczos"},
        smaller={"scale": 1.0},
    ),
    "strength": Option("Strength", {"strength": 0.3}, ("image-to-image", "inpaint")),
    "resize-pad": Option(
        "Resize by padding",
        {"resize": "pad", "width": 32, "height": 16},
        ("image-to-image",),
        without={"resize": "crop", "width": 32, "height": 16},
    ),
    "resize-stretch": Option(
        "Resize by stretching",
        {"resize": "stretch", "width": 32, "height": 16},
        ("image-to-image",),
        without={"resize": "crop", "width": 32, "height": 16},
    ),
    "fill-fill": _fill("Fill: surroundings", "fill"),
    "fill-noise": _fill("Fill: noise", "noise"),
    "fill-nothing": _fill("Fill: nothing", "nothing"),
    "only-masked": Option(
        "Only the masked area",
        {"inpaint_area": "masked", "mask_padding": 2, "width": 32, "height": 32},
        INPAINT,
        ("shows", "kept"),
    ),
    "mask-invert": Option("Inverted mask", {"mask_invert": True}, INPAINT, ("shows",)),
}
"""Everything that the tables of kinds do not have."""
