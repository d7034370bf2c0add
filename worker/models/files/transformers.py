"""The transformers whose rows the engine batches: which pipelines are such, and what they do.

A pipeline that is no line here, or has another part than its line says, runs whole. No torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from worker.models.files.configurations.scheduler import Defaults, sampler_of
from worker.models.files.layout import class_of, read_json
from worker.models.files.sources import ModelFiles

FLOW_SAMPLERS: Mapping[str, str] = {
    "FlowMatchEulerDiscreteScheduler": "euler",
    "FlowMatchHeunDiscreteScheduler": "heun",
    "DPMSolverMultistepScheduler": "dpmpp_2m",
    "UniPCMultistepScheduler": "unipc",
}
"""The samplers that a flow-matching model's own scheduler stands for."""


@dataclass(frozen=True)
class Transformer:
    """A family: its name in the engine, and the classes that its parts have; one that may be left
    out is in `optional`. `guidance_input` is the key of the transformer's configuration that says
    whether it is told the guidance scale; without `flow` it predicts noise, as UNets do."""

    family: str
    parts: Mapping[str, str]
    optional: tuple[str, ...] = ()
    guidance_input: str = ""
    flow: bool = True

    def is_of(self, index: dict[str, Any]) -> bool:
        """Whether a model_index.json names these parts."""
        found = {part: class_of(index, part) for part in self.parts}
        return all(
            found[part] == wanted or (found[part] is None and part in self.optional)
            for part, wanted in self.parts.items()
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
    "QwenImagePipeline": Transformer(
        "qwen-image",
        {
            "transformer": "QwenImageTransformer2DModel",
            "vae": "AutoencoderKLQwenImage",
            "text_encoder": "Qwen2_5_VLForConditionalGeneration",
        },
        guidance_input="guidance_embeds",
    ),
    "ZImagePipeline": Transformer(
        "z-image",
        {
            "transformer": "ZImageTransformer2DModel",
            "vae": "AutoencoderKL",
            "text_encoder": "Qwen3Model",
        },
    ),
    "SanaPipeline": Transformer(
        "sana",
        {
            "transformer": "SanaTransformer2DModel",
            "vae": "AutoencoderDC",
            "text_encoder": "Gemma2Model",
        },
    ),
    "PixArtSigmaPipeline": Transformer(
        "pixart-sigma",
        {
            "transformer": "PixArtTransformer2DModel",
            "vae": "AutoencoderKL",
            "text_encoder": "T5EncoderModel",
        },
        flow=False,
    ),
    "Lumina2Pipeline": Transformer(
        "lumina2",
        {
            "transformer": "Lumina2Transformer2DModel",
            "vae": "AutoencoderKL",
            "text_encoder": "Gemma2Model",
        },
    ),
    "Flux2Pipeline": Transformer(
        "flux2",
        {
            "transformer": "Flux2Transformer2DModel",
            "vae": "AutoencoderKLFlux2",
            "text_encoder": "Mistral3ForConditionalGeneration",
        },
        guidance_input="guidance_embeds",
    ),
    "Flux2KleinPipeline": Transformer(
        "flux2-klein",
        {
            "transformer": "Flux2Transformer2DModel",
            "vae": "AutoencoderKLFlux2",
            "text_encoder": "Qwen3ForCausalLM",
        },
    ),
    "ChromaPipeline": Transformer(
        "chroma",
        {
            "transformer": "ChromaTransformer2DModel",
            "vae": "AutoencoderKL",
            "text_encoder": "T5EncoderModel",
        },
    ),
    "HiDreamImagePipeline": Transformer(
        "hidream",
        {
            "transformer": "HiDreamImageTransformer2DModel",
            "vae": "AutoencoderKL",
            "text_encoder": "CLIPTextModelWithProjection",
            "text_encoder_2": "CLIPTextModelWithProjection",
            "text_encoder_3": "T5EncoderModel",
            "text_encoder_4": "LlamaForCausalLM",
        },
    ),
}
"""By the class of the pipeline."""


@dataclass(frozen=True)
class BatchedTransformer:
    """What is known of such a model: its family, the layers of CLIP that may be skipped, what it
    predicts, whether it was distilled with a guidance scale, and its own sampler."""

    family: str
    clip_layers: int
    flow: bool
    distilled_guidance: bool
    sampler: Defaults


def read_transformer(index: dict[str, Any], files: ModelFiles) -> BatchedTransformer | None:
    """What a model_index.json and its parts say; None for what runs whole."""
    known = TRANSFORMERS.get(str(index.get("_class_name")))
    if known is None or files.checkpoint is not None or not known.is_of(index):
        return None
    scheduler = read_json(files.config / "scheduler" / "scheduler_config.json")
    sampler = _sampler(known, scheduler)
    if sampler is None:
        return None
    layers = 1
    if known.family == "sd3":
        texts = [_config(files, part) for part in ("text_encoder", "text_encoder_2")]
        # From the layer before the last, as SDXL.
        layers = max(1, min(int(text.get("num_hidden_layers", 12)) for text in texts) - 1)
    told = _config(files, "transformer").get(known.guidance_input)
    return BatchedTransformer(known.family, layers, known.flow, bool(told), sampler)


def _sampler(known: Transformer, scheduler: dict[str, Any]) -> Defaults | None:
    """The sampler that a model's scheduler means; None for a scheduler of another kind."""
    own = str(scheduler.get("_class_name"))
    flows = own.startswith("FlowMatch") or bool(scheduler.get("use_flow_sigmas"))
    if flows != known.flow:
        return None
    if not known.flow:
        return sampler_of(scheduler) or None
    named = FLOW_SAMPLERS.get(own)
    return {"sampler": named, "schedule": "automatic"} if named else None


def _config(files: ModelFiles, part: str) -> dict[str, Any]:
    return read_json(files.config / part / "config.json")
