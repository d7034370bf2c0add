"""The transformers whose rows the engine batches: which pipelines are such, and what they do.

A pipeline that is no line here, or has another part than its line says, runs whole. No torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from worker.models.files.layout import class_of, read_json
from worker.models.files.sources import ModelFiles

FLOW_SCHEDULER = "FlowMatchEulerDiscreteScheduler"


@dataclass(frozen=True)
class Transformer:
    """A family: its name in the engine, and the classes that its parts have; one that may be left
    out is in `optional`."""

    family: str
    parts: Mapping[str, str]
    optional: tuple[str, ...] = ()
    guidance_input: str = field(default="")
    """The key of the transformer's configuration that says whether it is told the guidance."""

    def is_of(self, index: Mapping[str, Any]) -> bool:
        """Whether a model_index.json names these parts."""
        return class_of(dict(index), "scheduler") == FLOW_SCHEDULER and all(
            found == wanted or (found is None and part in self.optional)
            for part, wanted in self.parts.items()
            for found in [class_of(dict(index), part)]
        )


TRANSFORMERS: Mapping[str, Transformer] = {
    "StableDiffusion3Pipeline": Transformer(
        "sd3",
        {
            "transformer": "SD3Transformer2DModel",
            "vae": "AutoencoderKL",
            "text_encoder": "CLIPTextModelWithProjection",
            "text_encoder_2": "CLIPTextModelWithProjection",
            "text_encoder_3": "T5EncoderModel",
        },
        optional=("text_encoder_3",),
    ),
    "FluxPipeline": Transformer(
        "flux",
        {
            "transformer": "FluxTransformer2DModel",
            "vae": "AutoencoderKL",
            "text_encoder": "CLIPTextModel",
            "text_encoder_2": "T5EncoderModel",
        },
        guidance_input="guidance_embeds",
    ),
}
"""By the class of the pipeline."""


@dataclass(frozen=True)
class BatchedTransformer:
    """What is known of such a model: its family, the layers of CLIP that may be skipped, whether
    it was distilled with a guidance scale."""

    family: str
    clip_layers: int
    distilled_guidance: bool


def read_transformer(index: dict[str, Any], files: ModelFiles) -> BatchedTransformer | None:
    """What a model_index.json and its parts say; None for what runs whole."""
    known = TRANSFORMERS.get(str(index.get("_class_name")))
    if known is None or files.checkpoint is not None or not known.is_of(index):
        return None
    layers = 1
    if known.family == "sd3":
        texts = [_config(files, part) for part in ("text_encoder", "text_encoder_2")]
        # From the layer before the last, as SDXL.
        layers = max(1, min(int(text.get("num_hidden_layers", 12)) for text in texts) - 1)
    distilled = bool(
        known.guidance_input and _config(files, "transformer").get(known.guidance_input)
    )
    return BatchedTransformer(known.family, layers, distilled)


def _config(files: ModelFiles, part: str) -> dict[str, Any]:
    return cast("dict[str, Any]", read_json(files.config / part / "config.json"))
