"""The nodes that are taken, as ComfyUI declares them."""

from __future__ import annotations

from typing import Any

from server.compat.comfyui.graph.declared import (
    MAX_SEED,
    MAX_SIDE,
    Input,
    NodeType,
    Type,
    choice,
    link,
    number,
    side,
    text,
    whole,
)
from server.compat.comfyui.graph.reference_nodes import REFERENCE_NODES

_seed = whole("seed", 0, 0, MAX_SEED, control_after_generate=True)
_steps = whole("steps", 20, 1, 10000)
_cfg = number("cfg", 8.0, 0.0, 100.0, 0.1)
_batch = whole("batch_size", 1, 1, 4096)
_sampler = choice("sampler_name", "samplers")
_scheduler = choice("scheduler", "schedulers")
_model, _clip, _vae = link("model", "MODEL"), link("clip", "CLIP"), link("vae", "VAE")
_image, _mask, _pixels = link("image", "IMAGE"), link("mask", "MASK"), link("pixels", "IMAGE")
_samples, _latent = link("samples", "LATENT"), link("latent_image", "LATENT")
_positive, _negative = link("positive", "CONDITIONING"), link("negative", "CONDITIONING")
_walk = (_steps, _cfg, _sampler, _scheduler, _positive, _negative, _latent)
_method = choice("upscale_method", "methods")
_picture_method = choice("upscale_method", "picture_methods")
_crop = choice("crop", "crops")
_tiles = (
    whole("tile_size", 512, 64, 4096, step=64),
    Input("overlap", "INT", options={"default": 64, "min": 0, "max": 4096}, required=False),
    Input("temporal_size", "INT", options={"default": 64, "min": 8, "max": 4096}, required=False),
    Input("temporal_overlap", "INT", options={"default": 8, "min": 4, "max": 4096}, required=False),
)
_empty = (side("width"), side("height"), _batch)
_conditioned = (link("conditioning", "CONDITIONING"), link("control_net", "CONTROL_NET"))


def _constant(kind: str, title: str, type: Type, **options: Any) -> NodeType:
    value = Input("value", type, options=options)
    return NodeType(f"Primitive{kind}", title, "utils/primitive", (value,), (type,))


_ALL = (
    NodeType(
        "CheckpointLoaderSimple",
        "Load Checkpoint",
        "loaders",
        (choice("ckpt_name", "checkpoints"),),
        ("MODEL", "CLIP", "VAE"),
    ),
    NodeType(
        "LoraLoader",
        "Load LoRA",
        "loaders",
        (
            _model,
            _clip,
            choice("lora_name", "loras"),
            number("strength_model", 1.0, -100.0, 100.0),
            number("strength_clip", 1.0, -100.0, 100.0),
        ),
        ("MODEL", "CLIP"),
    ),
    NodeType(
        "LoraLoaderModelOnly",
        "LoraLoaderModelOnly",
        "loaders",
        (_model, choice("lora_name", "loras"), number("strength_model", 1.0, -100.0, 100.0)),
        ("MODEL",),
    ),
    NodeType("VAELoader", "Load VAE", "loaders", (choice("vae_name", "vae"),), ("VAE",)),
    NodeType(
        "ControlNetLoader",
        "Load ControlNet Model",
        "loaders",
        (choice("control_net_name", "controlnet"),),
        ("CONTROL_NET",),
    ),
    NodeType(
        "UpscaleModelLoader",
        "Load Upscale Model",
        "loaders",
        (choice("model_name", "upscale_models"),),
        ("UPSCALE_MODEL",),
    ),
    NodeType(
        "CLIPTextEncode",
        "CLIP Text Encode (Prompt)",
        "conditioning",
        (text("text"), _clip),
        ("CONDITIONING",),
    ),
    NodeType(
        "CLIPTextEncodeSDXL",
        "CLIPTextEncodeSDXL",
        "advanced/conditioning",
        (
            _clip,
            whole("width", 1024, 0, MAX_SIDE),
            whole("height", 1024, 0, MAX_SIDE),
            whole("crop_w", 0, 0, MAX_SIDE),
            whole("crop_h", 0, 0, MAX_SIDE),
            whole("target_width", 1024, 0, MAX_SIDE),
            whole("target_height", 1024, 0, MAX_SIDE),
            text("text_g"),
            text("text_l"),
        ),
        ("CONDITIONING",),
    ),
    NodeType(
        "CLIPSetLastLayer",
        "CLIP Set Last Layer",
        "conditioning",
        (_clip, whole("stop_at_clip_layer", -1, -24, -1)),
        ("CLIP",),
    ),
    NodeType(
        "ConditioningZeroOut",
        "ConditioningZeroOut",
        "advanced/conditioning",
        (link("conditioning", "CONDITIONING"),),
        ("CONDITIONING",),
    ),
    NodeType(
        "ControlNetApply",
        "Apply ControlNet",
        "conditioning/controlnet",
        (*_conditioned, _image, number("strength", 1.0, 0.0, 10.0)),
        ("CONDITIONING",),
    ),
    NodeType(
        "ControlNetApplyAdvanced",
        "Apply ControlNet (Advanced)",
        "conditioning/controlnet",
        (
            _positive,
            _negative,
            link("control_net", "CONTROL_NET"),
            _image,
            number("strength", 1.0, 0.0, 10.0),
            number("start_percent", 0.0, 0.0, 1.0, 0.001),
            number("end_percent", 1.0, 0.0, 1.0, 0.001),
            link("vae", "VAE", required=False),
        ),
        ("CONDITIONING", "CONDITIONING"),
        ("positive", "negative"),
    ),
    NodeType(
        "InstructPixToPixConditioning",
        "InstructPixToPixConditioning",
        "conditioning/instructpix2pix",
        (_positive, _negative, _vae, _pixels),
        ("CONDITIONING", "CONDITIONING", "LATENT"),
        ("positive", "negative", "latent"),
    ),
    NodeType(
        "ReferenceLatent",
        "ReferenceLatent",
        "advanced/conditioning/edit_models",
        (link("conditioning", "CONDITIONING"), link("latent", "LATENT", required=False)),
        ("CONDITIONING",),
    ),
    NodeType(
        "FluxGuidance",
        "FluxGuidance",
        "advanced/conditioning/flux",
        (link("conditioning", "CONDITIONING"), number("guidance", 3.5, 0.0, 100.0, 0.1)),
        ("CONDITIONING",),
    ),
    NodeType(
        "TextEncodeQwenImageEdit",
        "TextEncodeQwenImageEdit",
        "advanced/conditioning",
        (
            _clip,
            text("prompt"),
            link("vae", "VAE", required=False),
            link("image", "IMAGE", required=False),
        ),
        ("CONDITIONING",),
    ),
    NodeType(
        "TextEncodeQwenImageEditPlus",
        "TextEncodeQwenImageEditPlus",
        "advanced/conditioning",
        (
            _clip,
            text("prompt"),
            link("vae", "VAE", required=False),
            *(link(f"image{each}", "IMAGE", required=False) for each in (1, 2, 3)),
        ),
        ("CONDITIONING",),
    ),
    NodeType(
        "FluxKontextImageScale",
        "FluxKontextImageScale",
        "advanced/conditioning/flux",
        (_image,),
        ("IMAGE",),
    ),
    NodeType("EmptyLatentImage", "Empty Latent Image", "latent", _empty, ("LATENT",)),
    NodeType("EmptySD3LatentImage", "EmptySD3LatentImage", "latent/sd3", _empty, ("LATENT",)),
    NodeType(
        "RepeatLatentBatch",
        "Repeat Latent Batch",
        "latent/batch",
        (_samples, whole("amount", 1, 1, 64)),
        ("LATENT",),
    ),
    NodeType(
        "LatentUpscale",
        "Upscale Latent",
        "latent",
        (_samples, _method, side("width", least=0), side("height", least=0), _crop),
        ("LATENT",),
    ),
    NodeType(
        "LatentUpscaleBy",
        "Upscale Latent By",
        "latent",
        (_samples, _method, number("scale_by", 1.5, 0.01, 8.0)),
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
        (_pixels, _vae, _mask, whole("grow_mask_by", 6, 0, 64)),
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
            number("denoise", 1.0, 0.0, 1.0),
        ),
        ("LATENT",),
    ),
    NodeType(
        "KSamplerAdvanced",
        "KSampler (Advanced)",
        "sampling",
        (
            _model,
            choice("add_noise", "switch"),
            whole("noise_seed", 0, 0, MAX_SEED, control_after_generate=True),
            *_walk,
            whole("start_at_step", 0, 0, 10000),
            whole("end_at_step", 10000, 0, 10000),
            choice("return_with_leftover_noise", "switch"),
        ),
        ("LATENT",),
    ),
    NodeType(
        "LoadImage",
        "Load Image",
        "image",
        (choice("image", "images", image_upload=True),),
        ("IMAGE", "MASK"),
    ),
    NodeType(
        "LoadImageMask",
        "Load Image (as Mask)",
        "mask",
        (choice("image", "images", image_upload=True), choice("channel", "channels")),
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
            side("width", least=0, step=1),
            side("height", 512, 0, 1),
            _crop,
        ),
        ("IMAGE",),
    ),
    NodeType(
        "ImageScaleBy",
        "Upscale Image By",
        "image/upscaling",
        (_image, _picture_method, number("scale_by", 1.0, 0.01, 8.0)),
        ("IMAGE",),
    ),
    NodeType(
        "ImageUpscaleWithModel",
        "Upscale Image (using Model)",
        "image/upscaling",
        (link("upscale_model", "UPSCALE_MODEL"), _image),
        ("IMAGE",),
    ),
    NodeType(
        "ImagePadForOutpaint",
        "Pad Image for Outpainting",
        "image",
        (
            _image,
            *(whole(side, 0, 0, MAX_SIDE, step=8) for side in ("left", "top", "right", "bottom")),
            whole("feathering", 40, 0, MAX_SIDE),
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

NODES = {each.name: each for each in (*_ALL, *REFERENCE_NODES)}
"""Every node that is taken, by its class."""

LOOSE = ("Note", "MarkdownNote", "PrimitiveNode")
"""Nodes of the editor that do nothing; some programs send them along."""

HARMLESS = frozenset(("upload", "choose file to upload", "speak_and_recognation"))
"""Inputs that the editor writes beside a node's own, for itself."""
