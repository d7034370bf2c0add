"""The pipelines that run whole: what their configuration and diffusers' own defaults say. No torch.

diffusers tells what a pipeline takes in its code only, so that is written down here; a test holds
it equal to the library.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from jobs.request.model_card import Kind
from worker.models.files.errors import SourceError
from worker.models.files.formats.layout import read_json
from worker.models.files.sources import ModelFiles

# Where no configuration tells: the usual size of today's transformers, and what the sides of a
# picture are multiples of.
SIDE, FACTOR = 1024, 64

PACKED = 2
"""Latent pixels a side that a transformer reads as one token, where it does not say."""


@dataclass(frozen=True)
class PipelineDefaults:
    """What a pipeline does unless told otherwise: steps, guidance scale, and the prompt tokens
    that it reads."""

    steps: int
    guidance_scale: float
    window: int = 77


PIPELINES: dict[str, PipelineDefaults] = {
    "StableDiffusionPipeline": PipelineDefaults(50, 7.5),
    "StableDiffusionXLPipeline": PipelineDefaults(50, 5.0),
    "KolorsPipeline": PipelineDefaults(50, 5.0, 256),
    "KolorsPAGPipeline": PipelineDefaults(50, 5.0, 256),
    "StableDiffusion3Pipeline": PipelineDefaults(28, 7.0, 256),
    "StableDiffusion3PAGPipeline": PipelineDefaults(28, 7.0, 256),
    "IFPipeline": PipelineDefaults(100, 7.0),
    "HunyuanDiTPipeline": PipelineDefaults(50, 5.0),
    "HunyuanDiTPAGPipeline": PipelineDefaults(50, 5.0),
    "KandinskyCombinedPipeline": PipelineDefaults(100, 4.0),
    "KandinskyV22CombinedPipeline": PipelineDefaults(100, 4.0),
    "Kandinsky3Pipeline": PipelineDefaults(25, 3.0),
    "WuerstchenCombinedPipeline": PipelineDefaults(12, 4.0),
    "StableCascadeCombinedPipeline": PipelineDefaults(12, 4.0),
    "LatentConsistencyModelPipeline": PipelineDefaults(4, 8.5),
    "PixArtAlphaPipeline": PipelineDefaults(20, 4.5, 120),
    "PixArtSigmaPipeline": PipelineDefaults(20, 4.5, 300),
    "SanaPipeline": PipelineDefaults(20, 4.5, 300),
    "SanaPAGPipeline": PipelineDefaults(20, 4.5, 300),
    "StableDiffusionPAGPipeline": PipelineDefaults(50, 7.5),
    "StableDiffusionXLPAGPipeline": PipelineDefaults(50, 5.0),
    "PixArtSigmaPAGPipeline": PipelineDefaults(20, 4.5, 300),
    "AuraFlowPipeline": PipelineDefaults(50, 3.5, 256),
    "FluxPipeline": PipelineDefaults(28, 3.5, 512),
    "FluxKontextPipeline": PipelineDefaults(28, 3.5, 512),
    "Flux2KleinPipeline": PipelineDefaults(50, 4.0, 512),
    "Flux2Pipeline": PipelineDefaults(50, 4.0, 512),
    "Ideogram4Pipeline": PipelineDefaults(48, 7.5, 2048),
    "Krea2Pipeline": PipelineDefaults(28, 4.5, 512),
    "LuminaPipeline": PipelineDefaults(30, 4.0, 256),
    "Lumina2Pipeline": PipelineDefaults(30, 4.0, 256),
    "ChromaPipeline": PipelineDefaults(35, 5.0, 512),
    "CogView3PlusPipeline": PipelineDefaults(50, 5.0, 224),
    "CogView4Pipeline": PipelineDefaults(50, 5.0, 1024),
    "GlmImagePipeline": PipelineDefaults(50, 1.5, 2048),
    "NucleusMoEImagePipeline": PipelineDefaults(50, 4.0),
    "QwenImagePipeline": PipelineDefaults(50, 4.0, 512),
    "QwenImage21Pipeline": PipelineDefaults(40, 1.0),
    "ZImagePipeline": PipelineDefaults(50, 5.0, 512),
    "ZImageOmniPipeline": PipelineDefaults(50, 5.0, 512),
    "OvisImagePipeline": PipelineDefaults(50, 5.0, 256),
    "PRXPipeline": PipelineDefaults(28, 4.0),
}
"""Everything that AutoPipelineForText2Image loads and that needs no more than a prompt."""

BATCHED_ONLY: dict[str, PipelineDefaults] = {
    "HiDreamImagePipeline": PipelineDefaults(50, 5.0, 128),
    "SanaSprintPipeline": PipelineDefaults(2, 4.5, 300),
}
"""What it does not load, and the engine batches by the step: these do not run whole."""

FROM_PICTURES: dict[str, PipelineDefaults] = {
    "FluxFillPipeline": PipelineDefaults(50, 30.0, 512),
    "QwenImageEditPipeline": PipelineDefaults(50, 4.0, 512),
    "QwenImageEditPlusPipeline": PipelineDefaults(50, 4.0, 512),
    "JoyImageEditPipeline": PipelineDefaults(40, 4.0, 4096),
    "LongCatImageEditPipeline": PipelineDefaults(50, 4.5),
    "StableDiffusionXLInstructPix2PixPipeline": PipelineDefaults(100, 5.0),
}
"""What needs a picture beside the prompt: to edit it, or to fill what is masked."""

EDITS: dict[str, int] = {
    "FluxKontextPipeline": 1,
    "Flux2KleinPipeline": 4,
    "Flux2Pipeline": 10,
    "JoyImageEditPipeline": 1,
    "LongCatImageEditPipeline": 1,
    "QwenImage21Pipeline": 3,
    "QwenImageEditPipeline": 1,
    "QwenImageEditPlusPipeline": 3,
    "StableDiffusionXLInstructPix2PixPipeline": 1,
}
"""Those that take a prompt and an `image` without a `strength`, and how many pictures that may be
as their models were trained."""

IMAGE_GUIDED = frozenset({"StableDiffusionXLInstructPix2PixPipeline"})
"""Those that take an `image_guidance_scale`."""

IMAGE_TO_IMAGE = frozenset(
    {
        "StableDiffusionPipeline",
        "StableDiffusionXLPipeline",
        "StableDiffusion3Pipeline",
        "StableDiffusion3PAGPipeline",
        "IFPipeline",
        "KandinskyCombinedPipeline",
        "KandinskyV22CombinedPipeline",
        "Kandinsky3Pipeline",
        "KolorsPipeline",
        "LatentConsistencyModelPipeline",
        "StableDiffusionPAGPipeline",
        "StableDiffusionXLPAGPipeline",
        "FluxPipeline",
        "QwenImagePipeline",
        "ZImagePipeline",
    }
)
"""Those for which AutoPipelineForImage2Image has one that takes a `strength`."""

INPAINT = frozenset(
    {
        "StableDiffusionPipeline",
        "StableDiffusionXLPipeline",
        "StableDiffusion3Pipeline",
        "IFPipeline",
        "StableDiffusionPAGPipeline",
        "StableDiffusionXLPAGPipeline",
        "FluxPipeline",
        "QwenImagePipeline",
        "ZImagePipeline",
    }
)
"""Those for which AutoPipelineForInpainting has one that takes a `strength`."""

FEW_STEPS = PipelineDefaults(4, 1.0, 512)
"""FLUX.1 [schnell]: the transformer of a FluxPipeline that is told no guidance scale; and what
says of itself that it was distilled, as FLUX.2 [klein]."""


@dataclass(frozen=True)
class WholePipeline:
    """A pipeline that runs whole: its class, its defaults and its sizes in pixels; what it starts
    from follows from its class."""

    pipeline: str
    defaults: PipelineDefaults
    factor: int
    width: int
    height: int

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of jobs that it does."""
        words: tuple[Kind, ...] = ("text-to-image",)
        edits: tuple[Kind, ...] = ("edit",)
        drawn: tuple[Kind, ...] = ("image-to-image", "variations")
        masked: tuple[Kind, ...] = ("inpaint", "outpaint")
        return (
            *(words if self.pipeline in PIPELINES else ()),
            *(edits if self.pipeline in EDITS else ()),
            *(drawn if self.pipeline in IMAGE_TO_IMAGE else ()),
            *(masked if self.pipeline in INPAINT else ()),
        )

    @property
    def edit_pictures(self) -> int:
        """How many pictures an edit may be given; 0 where it does none."""
        return EDITS.get(self.pipeline, 0)

    @property
    def image_guidance(self) -> bool:
        """Whether an edit is guided by its picture as well."""
        return self.pipeline in IMAGE_GUIDED


def read_whole_pipeline(name: str, index: dict[str, Any], files: ModelFiles) -> WholePipeline:
    """Read a pipeline's configuration. Raises SourceError for one that cannot be run."""
    pipeline = str(index.get("_class_name"))
    if not pipeline.endswith("Pipeline"):
        raise SourceError(f"model: {name} is a {pipeline}, which is no diffusers pipeline.")
    known = PIPELINES | FROM_PICTURES | BATCHED_ONLY
    if pipeline not in known:
        raise SourceError(
            f"model: {name} is a {pipeline}, which is no pipeline that makes pictures from text"
            " alone, or none that this version of diffusers knows."
        )
    if files.checkpoint is not None:
        raise SourceError(
            f"model: {name} is a {pipeline}; a single file is read for Stable Diffusion only, so"
            " name its folder or hub id as the source."
        )
    defaults = known[pipeline]
    transformer = _config(files.config, "transformer")
    if pipeline == "FluxPipeline" and not transformer.get("guidance_embeds", False):
        defaults = FEW_STEPS
    if index.get("is_distilled"):
        defaults = FEW_STEPS
    if isinstance(levels := index.get("sample_sigmas"), list):
        # Its makers say how noisy each step is.
        defaults = replace(defaults, steps=len(cast("list[float]", levels)))
    denoiser = transformer or _config(files.config, "unet")
    vae = _config(files.config, "vae")
    scale = _scale(vae)
    factor = FACTOR if scale is None else scale * _patch(transformer, vae)
    height, width = (
        max(factor, side // factor * factor) for side in _sides(denoiser.get("sample_size"), scale)
    )
    return WholePipeline(pipeline, defaults, factor, width, height)


def _sides(latent: Any, scale: int | None) -> tuple[int, int]:
    """Height and width that it was trained at; `latent` is its sample_size."""
    if scale is None or not isinstance(latent, int | list):
        return SIDE, SIDE
    sides = [latent, latent] if isinstance(latent, int) else cast("list[int]", latent)
    return sides[0] * scale, sides[1] * scale


def _scale(vae: dict[str, Any]) -> int | None:
    """Pixels a latent pixel, where the autoencoder is of a kind that tells."""
    # AutoencoderKL; the deep compression autoencoder (Sana).
    for levels in ("block_out_channels", "encoder_block_out_channels"):
        if isinstance(vae.get(levels), list):
            return 2 ** (len(vae[levels]) - 1)
    # An autoencoder for videos (Qwen-Image), in diffusers' own spelling.
    if isinstance(vae.get("temperal_downsample"), list):
        return 2 ** len(vae["temperal_downsample"])
    return None


def _patch(transformer: dict[str, Any], vae: dict[str, Any]) -> int:
    """Latent pixels a side that are one token, as patches or packed into channels (Flux)."""
    if not transformer:
        return 1
    patch = transformer.get("patch_size")
    if transformer.get("_class_name") == "QwenImage21Transformer2DModel":
        # One pixel a token, and of tokens an even number a side.
        return PACKED
    if not isinstance(patch, int):
        return PACKED
    # What goes in may be shown more beside the latents (Flux Fill).
    channels = transformer.get("out_channels") or transformer.get("in_channels")
    latent = vae.get("latent_channels")
    packed = 1
    if isinstance(channels, int) and isinstance(latent, int) and channels == PACKED**2 * latent:
        packed = PACKED
    return max(patch, packed)


def _config(config: Path, part: str) -> dict[str, Any]:
    file = config / part / "config.json"
    return read_json(file) if file.is_file() else {}
