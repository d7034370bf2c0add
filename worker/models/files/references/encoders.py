"""CLIP's image encoders, as folders of transformers and as the single files that people have."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from pathlib import Path
from typing import Any

from worker.models.files.errors import SourceError
from worker.models.files.formats.layout import read_json
from worker.models.files.formats.safetensors_file import Shapes, read_header

CLASS = "vision_model.embeddings.class_embedding"
PATCHES = "vision_model.embeddings.patch_embedding.weight"
PLACES = "vision_model.embeddings.position_embedding.weight"
PROJECTED = "visual_projection.weight"
FIRST = "vision_model.encoder.layers.0.mlp.fc1.weight"

OPENAI = 1024
"""How wide the encoder of OpenAI's ViT-L is, which has another activation than LAION's."""

SMALL = 768
"""How wide the encoder is that has 12 heads; all that are wider have 16."""


@dataclass(frozen=True)
class Encoder:
    """An image encoder on this machine: its weights, the configuration that lies beside them, how
    wide its patches are and the vector of a whole picture."""

    file: Path
    config: Path | None
    patches: int
    vector: int

    def reads(self, width: int, patches: bool) -> bool:
        """Whether its readings are of this width, of patches or of whole pictures."""
        return width == (self.patches if patches else self.vector)


def is_encoder(shapes: Shapes) -> bool:
    """Whether a file is an image encoder of CLIP."""
    return {CLASS, PATCHES, PLACES, PROJECTED} <= set(shapes)


def encoder_at(path: Path) -> Encoder:
    """The image encoder that lies at `path`, a folder or a file. Raises SourceError."""
    file = path
    if path.is_dir():
        files = [each for each in sorted(path.glob("*.safetensors")) if "." not in each.stem]
        if len(files) != 1:
            raise SourceError(f"{path} is no image encoder: it has {len(files)} files of weights.")
        file = files[0]
    if not file.is_file():
        raise SourceError(f"there is no image encoder at {path}.")
    shapes = read_header(file).shapes
    if not is_encoder(shapes):
        raise SourceError(f"{file} is no image encoder of CLIP.")
    config = file.parent / "config.json"
    known = config.is_file() and "Vision" in str(read_json(config).get("architectures"))
    return Encoder(file, config if known else None, shapes[CLASS][-1], shapes[PROJECTED][0])


def config_of(encoder: Encoder) -> dict[str, Any]:
    """The fields of its CLIPVisionConfig: those beside it, else what its shapes say."""
    if encoder.config is not None:
        return read_json(encoder.config)
    shapes = read_header(encoder.file).shapes
    width, patch = encoder.patches, shapes[PATCHES][-1]
    layers = {name.split(".")[3] for name in shapes if name.startswith("vision_model.encoder.")}
    return {
        "hidden_size": width,
        "intermediate_size": shapes[FIRST][0],
        "num_hidden_layers": len(layers),
        "num_attention_heads": 12 if width <= SMALL else 16,
        "patch_size": patch,
        "image_size": patch * isqrt(shapes[PLACES][0] - 1),
        "projection_dim": encoder.vector,
        "hidden_act": "quick_gelu" if width == OPENAI else "gelu",
    }
