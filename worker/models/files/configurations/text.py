"""The configuration of a CLIP text encoder, from the names and shapes of its tensors."""

from __future__ import annotations

import re
from typing import Any

from worker.models.files.formats.safetensors_file import Shapes

HEAD_WIDTH = 64

PAD = "<|endoftext|>"
OPEN_PAD = "!"
"""What a short prompt is filled up with: OpenAI's encoder by its end, OpenCLIP's by token 0."""

SPECIAL = {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>"}


def clip_config(shapes: Shapes) -> dict[str, Any]:
    """OpenAI's text encoder, as transformers' CLIPTextModel is made; names without prefixes."""
    vocabulary, width = shapes["embeddings.token_embedding.weight"]
    return _config(
        width,
        vocabulary,
        positions=shapes["embeddings.position_embedding.weight"][0],
        inner=shapes["encoder.layers.0.mlp.fc1.weight"][0],
        layers=_count(shapes, r"encoder\.layers\.(\d+)\."),
        projection=width,
        act="quick_gelu",
    )


def open_clip_config(shapes: Shapes, *, skip: int = 0) -> dict[str, Any]:
    """OpenCLIP's text encoder, without its last `skip` layers; names without prefixes.

    Stable Diffusion 2 never reads the last layer, so there it is left out.
    """
    vocabulary, width = shapes["token_embedding.weight"]
    return _config(
        width,
        vocabulary,
        positions=shapes["positional_embedding"][0],
        inner=shapes["transformer.resblocks.0.mlp.c_fc.weight"][0],
        layers=_count(shapes, r"transformer\.resblocks\.(\d+)\.") - skip,
        projection=shapes.get("text_projection", (width, width))[1],
        act="gelu",
    )


def tokenizer_files(pad: str) -> dict[str, dict[str, Any]]:
    """The small files that lie beside CLIP's vocabulary."""
    return {
        "tokenizer_config.json": {
            "tokenizer_class": "CLIPTokenizer",
            "model_max_length": 77,
            "unk_token": "<|endoftext|>",
            "pad_token": pad,
            **SPECIAL,
        },
        "special_tokens_map.json": {**SPECIAL, "unk_token": "<|endoftext|>", "pad_token": pad},
    }


def _config(
    width: int,
    vocabulary: int,
    *,
    positions: int,
    inner: int,
    layers: int,
    projection: int,
    act: str,
) -> dict[str, Any]:
    return {
        "model_type": "clip_text_model",
        "hidden_size": width,
        "vocab_size": vocabulary,
        "max_position_embeddings": positions,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": max(1, width // HEAD_WIDTH),
        "projection_dim": projection,
        "hidden_act": act,
        "layer_norm_eps": 1e-05,
        "bos_token_id": 0,
        # Not the token's own id: by this number transformers takes the highest one for the end.
        "eos_token_id": 2,
        "pad_token_id": 1,
    }


def _count(shapes: Shapes, pattern: str) -> int:
    found = (re.match(pattern, name) for name in shapes)
    return len({match[1] for match in found if match})
