"""The transformers whose rows the engine batches: which pipelines are such, and what they do.

A pipeline that is no line here, or has another part than its line says, runs whole. No torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.request.model_card import Kind
from worker.models.files.configurations.scheduler import Defaults, sampler_of
from worker.models.files.formats.layout import class_of, read_json
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
    whether it is told the guidance scale; without `flow` it predicts noise, as UNets do. Edits are
    given up to `edit_pictures` pictures; `kinds` are what it does, where that is not all. One
    with a `scheduler` walks by that class alone, and takes no sampler."""

    family: str
    parts: Mapping[str, str]
    optional: tuple[str, ...] = ()
    guidance_input: str = ""
    flow: bool = True
    edit_pictures: int = 0
    kinds: tuple[Kind, ...] = ()
    scheduler: str = ""

    def is_of(self, index: dict[str, Any]) -> bool:
        """Whether a model_index.json names these parts."""
        found = {part: class_of(index, part) for part in self.parts}
        return all(
            found[part] == wanted or (found[part] is None and part in self.optional)
            for part, wanted in self.parts.items()
        )


FLUX = {
    "transformer": "FluxTransformer2DModel",
    "vae": "AutoencoderKL",
    "text_encoder": "CLIPTextModel",
    "text_encoder_2": "T5EncoderModel",
}

QWEN_IMAGE = {
    "transformer": "QwenImageTransformer2DModel",
    "vae": "AutoencoderKLQwenImage",
    "text_encoder": "Qwen2_5_VLForConditionalGeneration",
}
QWEN_PROCESSOR = {"processor": "Qwen2VLProcessor"}

SANA = {
    "transformer": "SanaTransformer2DModel",
    "vae": "AutoencoderDC",
    "text_encoder": "Gemma2Model",
}

SEVERAL = 3
"""Pictures that Qwen-Image-Edit 2509 and later are given."""

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
    "FluxPipeline": Transformer("flux", FLUX, guidance_input="guidance_embeds"),
    "FluxKontextPipeline": Transformer(
        "flux", FLUX, guidance_input="guidance_embeds", edit_pictures=1
    ),
    "FluxFillPipeline": Transformer(
        "flux", FLUX, guidance_input="guidance_embeds", kinds=("inpaint", "outpaint")
    ),
    "QwenImagePipeline": Transformer("qwen-image", QWEN_IMAGE, guidance_input="guidance_embeds"),
    "QwenImageEditPipeline": Transformer(
        "qwen-image",
        QWEN_IMAGE | QWEN_PROCESSOR,
        guidance_input="guidance_embeds",
        edit_pictures=1,
        kinds=("edit",),
    ),
    "QwenImageEditPlusPipeline": Transformer(
        "qwen-image",
        QWEN_IMAGE | QWEN_PROCESSOR,
        guidance_input="guidance_embeds",
        edit_pictures=SEVERAL,
        kinds=("edit",),
    ),
    "QwenImage21Pipeline": Transformer(
        "qwen-image-21",
        {
            "transformer": "QwenImage21Transformer2DModel",
            "vae": "AutoencoderKLQwenImage21",
            "text_encoder": "Qwen3VLForConditionalGeneration",
            "processor": "Qwen3VLProcessor",
        },
        edit_pictures=SEVERAL,
    ),
    "ZImagePipeline": Transformer(
        "z-image",
        {
            "transformer": "ZImageTransformer2DModel",
            "vae": "AutoencoderKL",
            "text_encoder": "Qwen3Model",
        },
    ),
    "SanaPipeline": Transformer("sana", SANA),
    "SanaSprintPipeline": Transformer(
        "sana-sprint", SANA, guidance_input="guidance_embeds", scheduler="SCMScheduler"
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
        edit_pictures=10,
    ),
    "Flux2KleinPipeline": Transformer(
        "flux2-klein",
        {
            "transformer": "Flux2Transformer2DModel",
            "vae": "AutoencoderKLFlux2",
            "text_encoder": "Qwen3ForCausalLM",
        },
        edit_pictures=4,
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
    predicts, whether it was distilled with a guidance scale, its own sampler, the pictures that an
    edit is given, the kinds that it does where that is not all, and whether it takes no sampler but
    its own."""

    family: str
    clip_layers: int
    flow: bool
    distilled_guidance: bool
    sampler: Defaults
    edit_pictures: int
    kinds: tuple[Kind, ...]
    own_sampler: bool = False


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
    return BatchedTransformer(
        known.family,
        layers,
        known.flow,
        bool(told),
        sampler,
        known.edit_pictures,
        known.kinds,
        own_sampler=bool(known.scheduler),
    )


def unlike(index: dict[str, Any]) -> str:
    """What about a pipeline that is known keeps it out of the batch: its first other part."""
    known = TRANSFORMERS[str(index.get("_class_name"))]
    for part, wanted in known.parts.items():
        found = class_of(index, part)
        if found != wanted and (found is not None or part not in known.optional):
            return f"{part} is {found or 'missing'}, not {wanted}"
    return f"scheduler, {class_of(index, 'scheduler')}, is for other samplers"


def transformer_width(config: Path) -> tuple[str, int]:
    """The family of the model whose configuration lies there, and how many numbers each of its
    tokens is; another pipeline's family is its class. Raises SourceError."""
    index = read_json(config / "model_index.json")
    pipeline = str(index.get("_class_name"))
    known = TRANSFORMERS.get(pipeline)
    if known is None:
        return pipeline, 0
    return known.family, transformer_wide(read_json(config / "transformer" / "config.json"))


def transformer_wide(config: dict[str, Any]) -> int:
    """How many numbers each token is, by the configuration of a transformer or of what is made
    like one; 0 where it does not say."""
    for key in ("dim", "hidden_size"):
        if isinstance(wide := config.get(key), int):
            return wide
    heads, each = (config.get(key) for key in HEADS)
    return int(heads or 0) * int(each or 0)


HEADS = ("num_attention_heads", "attention_head_dim")


def _sampler(known: Transformer, scheduler: dict[str, Any]) -> Defaults | None:
    """The sampler that a model's scheduler means; None for a scheduler of another kind."""
    own = str(scheduler.get("_class_name"))
    if known.scheduler:
        return {} if own == known.scheduler else None
    flows = own.startswith("FlowMatch") or bool(scheduler.get("use_flow_sigmas"))
    if flows != known.flow:
        return None
    if not known.flow:
        return sampler_of(scheduler) or None
    named = FLOW_SAMPLERS.get(own)
    return {"sampler": named, "schedule": "automatic"} if named else None


def _config(files: ModelFiles, part: str) -> dict[str, Any]:
    return read_json(files.config / part / "config.json")
