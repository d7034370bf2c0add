"""The nodes that are taken: their inputs and outputs, as ComfyUI declares them."""

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


def _link(name: str, type: Type, required: bool = True) -> Input:
    return Input(name, type, required=required)


def _whole(name: str, default: int, least: int, most: int, **more: Any) -> Input:
    options = {"default": default, "min": least, "max": most, **more}
    return Input(name, "INT", options=options)


def _number(name: str, default: float, least: float, most: float, step: float = 0.01) -> Input:
    options = {"default": default, "min": least, "max": most, "step": step}
    return Input(name, "FLOAT", options=options)


def _text(name: str) -> Input:
    return Input(name, "STRING", options={"multiline": True, "dynamicPrompts": True})


def _choice(name: str, choices: str, **options: Any) -> Input:
    return Input(name, "COMBO", choices, options)


def _side(name: str, default: int = 512, least: int = 16, step: int = 8) -> Input:
    return _whole(name, default, least, MAX_SIDE, step=step)


_seed = _whole("seed", 0, 0, MAX_SEED, control_after_generate=True)
_steps = _whole("steps", 20, 1, 10000)
_cfg = _number("cfg", 8.0, 0.0, 100.0, 0.1)
_batch = _whole("batch_size", 1, 1, 4096)
_sampler = _choice("sampler_name", "samplers")
_scheduler = _choice("scheduler", "schedulers")
_model, _clip, _vae = _link("model", "MODEL"), _link("clip", "CLIP"), _link("vae", "VAE")
_image, _mask, _pixels = _link("image", "IMAGE"), _link("mask", "MASK"), _link("pixels", "IMAGE")
_samples, _latent = _link("samples", "LATENT"), _link("latent_image", "LATENT")
_positive, _negative = _link("positive", "CONDITIONING"), _link("negative", "CONDITIONING")
_walk = (_steps, _cfg, _sampler, _scheduler, _positive, _negative, _latent)
_method = _choice("upscale_method", "methods")
_picture_method = _choice("upscale_method", "picture_methods")
_crop = _choice("crop", "crops")
_tiles = (
    _whole("tile_size", 512, 64, 4096, step=64),
    Input("overlap", "INT", options={"default": 64, "min": 0, "max": 4096}, required=False),
    Input("temporal_size", "INT", options={"default": 64, "min": 8, "max": 4096}, required=False),
    Input("temporal_overlap", "INT", options={"default": 8, "min": 4, "max": 4096}, required=False),
)
_empty = (_side("width"), _side("height"), _batch)
_conditioned = (_link("conditioning", "CONDITIONING"), _link("control_net", "CONTROL_NET"))


def _constant(kind: str, title: str, type: Type, **options: Any) -> NodeType:
    value = Input("value", type, options=options)
    return NodeType(f"Primitive{kind}", title, "utils/primitive", (value,), (type,))


_ALL = (
    NodeType(
        "CheckpointLoaderSimple",
        "Load Checkpoint",
        "loaders",
        (_choice("ckpt_name", "checkpoints"),),
        ("MODEL", "CLIP", "VAE"),
    ),
    NodeType(
        "LoraLoader",
        "Load LoRA",
        "loaders",
        (
            _model,
            _clip,
            _choice("lora_name", "loras"),
            _number("strength_model", 1.0, -100.0, 100.0),
            _number("strength_clip", 1.0, -100.0, 100.0),
        ),
        ("MODEL", "CLIP"),
    ),
    NodeType(
        "LoraLoaderModelOnly",
        "LoraLoaderModelOnly",
        "loaders",
        (_model, _choice("lora_name", "loras"), _number("strength_model", 1.0, -100.0, 100.0)),
        ("MODEL",),
    ),
    NodeType("VAELoader", "Load VAE", "loaders", (_choice("vae_name", "vae"),), ("VAE",)),
    NodeType(
        "ControlNetLoader",
        "Load ControlNet Model",
        "loaders",
        (_choice("control_net_name", "controlnet"),),
        ("CONTROL_NET",),
    ),
    NodeType(
        "UpscaleModelLoader",
        "Load Upscale Model",
        "loaders",
        (_choice("model_name", "upscale_models"),),
        ("UPSCALE_MODEL",),
    ),
    NodeType(
        "CLIPTextEncode",
        "CLIP Text Encode (Prompt)",
        "conditioning",
        (_text("text"), _clip),
        ("CONDITIONING",),
    ),
    NodeType(
        "CLIPTextEncodeSDXL",
        "CLIPTextEncodeSDXL",
        "advanced/conditioning",
        (
            _clip,
            _whole("width", 1024, 0, MAX_SIDE),
            _whole("height", 1024, 0, MAX_SIDE),
            _whole("crop_w", 0, 0, MAX_SIDE),
            _whole("crop_h", 0, 0, MAX_SIDE),
            _whole("target_width", 1024, 0, MAX_SIDE),
            _whole("target_height", 1024, 0, MAX_SIDE),
            _text("text_g"),
            _text("text_l"),
        ),
        ("CONDITIONING",),
    ),
    NodeType(
        "CLIPSetLastLayer",
        "CLIP Set Last Layer",
        "conditioning",
        (_clip, _whole("stop_at_clip_layer", -1, -24, -1)),
        ("CLIP",),
    ),
    NodeType(
        "ConditioningZeroOut",
        "ConditioningZeroOut",
        "advanced/conditioning",
        (_link("conditioning", "CONDITIONING"),),
        ("CONDITIONING",),
    ),
    NodeType(
        "ControlNetApply",
        "Apply ControlNet",
        "conditioning/controlnet",
        (*_conditioned, _image, _number("strength", 1.0, 0.0, 10.0)),
        ("CONDITIONING",),
    ),
    NodeType(
        "ControlNetApplyAdvanced",
        "Apply ControlNet (Advanced)",
        "conditioning/controlnet",
        (
            _positive,
            _negative,
            _link("control_net", "CONTROL_NET"),
            _image,
            _number("strength", 1.0, 0.0, 10.0),
            _number("start_percent", 0.0, 0.0, 1.0, 0.001),
            _number("end_percent", 1.0, 0.0, 1.0, 0.001),
            _link("vae", "VAE", required=False),
        ),
        ("CONDITIONING", "CONDITIONING"),
        ("positive", "negative"),
    ),
    NodeType("EmptyLatentImage", "Empty Latent Image", "latent", _empty, ("LATENT",)),
    NodeType("EmptySD3LatentImage", "EmptySD3LatentImage", "latent/sd3", _empty, ("LATENT",)),
    NodeType(
        "RepeatLatentBatch",
        "Repeat Latent Batch",
        "latent/batch",
        (_samples, _whole("amount", 1, 1, 64)),
        ("LATENT",),
    ),
    NodeType(
        "LatentUpscale",
        "Upscale Latent",
        "latent",
        (_samples, _method, _side("width", least=0), _side("height", least=0), _crop),
        ("LATENT",),
    ),
    NodeType(
        "LatentUpscaleBy",
        "Upscale Latent By",
        "latent",
        (_samples, _method, _number("scale_by", 1.5, 0.01, 8.0)),
        ("LATENT",),
    ),
    NodeType(
        "SetLatentNoiseMask",
        "Set Latent Noise Mask",
        "latent/inpaint",
        (_samples, _mask),
        ("LATENT",),
    ),
    NodeType("VAEEncode", "VAE Encode", "latent", (_pixels, _vae), ("LATENT",)),
    NodeType(
        "VAEEncodeTiled",
        "VAE Encode (Tiled)",
        "_for_testing",
        (_pixels, _vae, *_tiles),
        ("LATENT",),
    ),
    NodeType(
        "VAEEncodeForInpaint",
        "VAE Encode (for Inpainting)",
        "latent/inpaint",
        (_pixels, _vae, _mask, _whole("grow_mask_by", 6, 0, 64)),
        ("LATENT",),
    ),
    NodeType("VAEDecode", "VAE Decode", "latent", (_samples, _vae), ("IMAGE",)),
    NodeType(
        "VAEDecodeTiled",
        "VAE Decode (Tiled)",
        "_for_testing",
        (_samples, _vae, *_tiles),
        ("IMAGE",),
    ),
    NodeType(
        "KSampler",
        "KSampler",
        "sampling",
        (
            _model,
            _seed,
            *_walk,
            _number("denoise", 1.0, 0.0, 1.0),
        ),
        ("LATENT",),
    ),
    NodeType(
        "KSamplerAdvanced",
        "KSampler (Advanced)",
        "sampling",
        (
            _model,
            _choice("add_noise", "switch"),
            _whole("noise_seed", 0, 0, MAX_SEED, control_after_generate=True),
            *_walk,
            _whole("start_at_step", 0, 0, 10000),
            _whole("end_at_step", 10000, 0, 10000),
            _choice("return_with_leftover_noise", "switch"),
        ),
        ("LATENT",),
    ),
    NodeType(
        "LoadImage",
        "Load Image",
        "image",
        (_choice("image", "images", image_upload=True),),
        ("IMAGE", "MASK"),
    ),
    NodeType(
        "LoadImageMask",
        "Load Image (as Mask)",
        "mask",
        (_choice("image", "images", image_upload=True), _choice("channel", "channels")),
        ("MASK",),
    ),
    NodeType(
        "LoadImageOutput",
        "Load Image (from Outputs)",
        "image",
        (Input("image", "STRING"),),
        ("IMAGE", "MASK"),
    ),
    NodeType(
        "ImageScale",
        "Upscale Image",
        "image/upscaling",
        (
            _image,
            _picture_method,
            _side("width", least=0, step=1),
            _side("height", 512, 0, 1),
            _crop,
        ),
        ("IMAGE",),
    ),
    NodeType(
        "ImageScaleBy",
        "Upscale Image By",
        "image/upscaling",
        (_image, _picture_method, _number("scale_by", 1.0, 0.01, 8.0)),
        ("IMAGE",),
    ),
    NodeType(
        "ImageUpscaleWithModel",
        "Upscale Image (using Model)",
        "image/upscaling",
        (_link("upscale_model", "UPSCALE_MODEL"), _image),
        ("IMAGE",),
    ),
    NodeType(
        "ImagePadForOutpaint",
        "Pad Image for Outpainting",
        "image",
        (
            _image,
            *(_whole(side, 0, 0, MAX_SIDE, step=8) for side in ("left", "top", "right", "bottom")),
            _whole("feathering", 40, 0, MAX_SIDE),
        ),
        ("IMAGE", "MASK"),
    ),
    NodeType(
        "SaveImage",
        "Save Image",
        "image",
        (
            Input("images", "IMAGE"),
            Input("filename_prefix", "STRING", options={"default": "ComfyUI"}),
        ),
        is_output=True,
    ),
    NodeType("PreviewImage", "Preview Image", "image", (Input("images", "IMAGE"),), is_output=True),
    _constant("Int", "Int", "INT", default=0),
    _constant("Float", "Float", "FLOAT", default=0.0),
    _constant("String", "String", "STRING"),
    _constant("StringMultiline", "String (Multiline)", "STRING", multiline=True),
    _constant("Boolean", "Boolean", "BOOLEAN", default=False),
)

NODES = {each.name: each for each in _ALL}
"""Every node that is taken, by its class."""

LOOSE = ("Note", "MarkdownNote", "PrimitiveNode")
"""Nodes of the editor that do nothing; some programs send them along."""

HARMLESS = frozenset(("upload", "choose file to upload", "speak_and_recognation"))
"""Inputs that the editor writes beside a node's own, for itself."""
