"""The nodes by which pictures are made like others: IP-Adapters, as ComfyUI_IPAdapter_plus declares
them."""

from __future__ import annotations

from server.compat.comfyui.graph.declared import NodeType, choice, link, number

_model, _image, _adapter = (
    link("model", "MODEL"),
    link("image", "IMAGE"),
    link("ipadapter", "IPADAPTER"),
)
_mask = link("attn_mask", "MASK", required=False)
_when = (
    number("start_at", 0.0, 0.0, 1.0, 0.001),
    number("end_at", 1.0, 0.0, 1.0, 0.001),
)

REFERENCE_NODES = (
    NodeType(
        "IPAdapterModelLoader",
        "IPAdapter Model Loader",
        "ipadapter/loaders",
        (choice("ipadapter_file", "ipadapter"),),
        ("IPADAPTER",),
    ),
    NodeType(
        "CLIPVisionLoader",
        "Load CLIP Vision",
        "loaders",
        (choice("clip_name", "clip_vision"),),
        ("CLIP_VISION",),
    ),
    NodeType(
        "IPAdapterUnifiedLoader",
        "IPAdapter Unified Loader",
        "ipadapter",
        (_model, choice("preset", "presets"), link("ipadapter", "IPADAPTER", required=False)),
        ("MODEL", "IPADAPTER"),
        ("model", "ipadapter"),
    ),
    NodeType(
        "IPAdapter",
        "IPAdapter",
        "ipadapter",
        (
            _model,
            _adapter,
            _image,
            number("weight", 1.0, -1.0, 3.0, 0.05),
            *_when,
            choice("weight_type", "simple_weights"),
            _mask,
        ),
        ("MODEL",),
    ),
    NodeType(
        "IPAdapterAdvanced",
        "IPAdapter Advanced",
        "ipadapter",
        (
            _model,
            _adapter,
            _image,
            number("weight", 1.0, -1.0, 5.0, 0.05),
            choice("weight_type", "weights"),
            choice("combine_embeds", "combinations"),
            *_when,
            choice("embeds_scaling", "scalings"),
            link("image_negative", "IMAGE", required=False),
            _mask,
            link("clip_vision", "CLIP_VISION", required=False),
        ),
        ("MODEL",),
    ),
    NodeType(
        "ImageBatch",
        "Batch Images",
        "image",
        (link("image1", "IMAGE"), link("image2", "IMAGE")),
        ("IMAGE",),
    ),
)
