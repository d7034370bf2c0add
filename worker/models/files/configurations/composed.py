"""The whole configuration of a single-file checkpoint, from the names and shapes in its header."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from worker.models.files.configurations.autoencoder import autoencoder_config
from worker.models.files.configurations.text import (
    OPEN_PAD,
    PAD,
    clip_config,
    open_clip_config,
    tokenizer_files,
)
from worker.models.files.configurations.unet import TIME_IDS, unet_config
from worker.models.files.errors import SourceError
from worker.models.files.formats.safetensors_file import Shapes

UNET, VAE = "model.diffusion_model.", "first_stage_model."

SD1_TEXT = ("cond_stage_model.transformer.text_model.", "cond_stage_model.transformer.")
"""The second is that of files that a program of early days saved."""
SD2_TEXT = "cond_stage_model.model."
XL_TEXT = "conditioner.embedders.0.transformer.text_model."
XL_TEXT_2 = "conditioner.embedders.1.model."
REFINER_TEXT = "conditioner.embedders.0.model."

EDM = ("edm_mean", "edm_vpred.sigma_max", "edm_vpred.sigma_min")
"""Keys that say another parametrisation of the noise (arXiv 2206.00364)."""

SIDES = {"sd1": 512, "sd2": 512, "sdxl": 1024, "sdxl-refiner": 1024}
"""What each family was trained at, in pixels, where the file does not say."""

NOISE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "prediction_type": "epsilon",
    "steps_offset": 1,
    "clip_sample": False,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "trained_betas": None,
    "timestep_spacing": "leading",
}
"""The noise that all of Stable Diffusion was trained with."""

STANDARD_VAE: Shapes = {
    "encoder.conv_in.weight": (128, 3, 3, 3),
    "decoder.conv_in.weight": (512, 4, 3, 3),
    "decoder.conv_out.weight": (3, 128, 3, 3),
    **{
        f"encoder.down.{level}.block.{layer}.conv1.weight": (channels, channels, 3, 3)
        for level, channels in enumerate((128, 256, 512, 512))
        for layer in (0, 1)
    },
}
"""The shapes of Stable Diffusion's autoencoder by which its configuration is told."""

Files = Mapping[str, Mapping[str, Any]]
"""JSON by its path in a folder of the diffusers layout."""


def family_of(names: Iterable[str]) -> str | None:
    """The family of a checkpoint by how its text encoders are named; None for no checkpoint."""
    names = set(names)
    if f"{XL_TEXT_2}positional_embedding" in names:
        return "sdxl"
    if f"{REFINER_TEXT}positional_embedding" in names:
        return "sdxl-refiner"
    if f"{SD2_TEXT}positional_embedding" in names:
        return "sd2"
    if any(f"{prefix}embeddings.position_embedding.weight" in names for prefix in SD1_TEXT):
        return "sd1"
    return None


def compose(shapes: Shapes) -> Files:
    """What the files of a folder in the diffusers layout would say of this checkpoint.

    Raises SourceError, a clause, for one of no family that it knows.
    """
    if any(key in shapes for key in EDM):
        raise SourceError("it was trained with EDM's noise, which only its own pipeline has")
    family = family_of(shapes)
    if family is None:
        raise SourceError("its text encoders are of no family that a single file is read for")
    try:
        return _compose(family, shapes)
    except (KeyError, IndexError) as error:
        raise SourceError(f"it lacks what every {family} checkpoint has: {error}") from None


def _compose(family: str, shapes: Shapes) -> Files:
    texts = _texts(family, shapes)
    pooled = max(int(config["projection_dim"]) for config in texts.values())
    ids = TIME_IDS.get(family, 0)
    side = SIDES[family]
    unet = unet_config(without(shapes, UNET), side // 8, ids, pooled if ids else 0)
    files: dict[str, Mapping[str, Any]] = {"unet/config.json": unet}
    vae = without(shapes, VAE)
    # Without one it takes another's, which is of the same shape in all of these families.
    files["vae/config.json"] = autoencoder_config(vae or STANDARD_VAE, family, side)
    for part, config in texts.items():
        files[f"{part}/config.json"] = config
        pad = PAD if config["hidden_act"] == "quick_gelu" else OPEN_PAD
        tokenizer = part.replace("text_encoder", "tokenizer")
        files |= {f"{tokenizer}/{name}": said for name, said in tokenizer_files(pad).items()}
    scheduler, noise = _scheduler(family, unet)
    files["scheduler/scheduler_config.json"] = {"_class_name": scheduler, **noise}
    files["model_index.json"] = _index(family, unet, texts, scheduler)
    return files


def without(shapes: Shapes, prefix: str) -> Shapes:
    """The tensors under a prefix, without it."""
    return {
        name.removeprefix(prefix): shape
        for name, shape in shapes.items()
        if name.startswith(prefix)
    }


def _texts(family: str, shapes: Shapes) -> dict[str, dict[str, Any]]:
    match family:
        case "sd1":
            prefix = next(p for p in SD1_TEXT if f"{p}final_layer_norm.weight" in shapes)
            return {"text_encoder": clip_config(without(shapes, prefix))}
        case "sd2":
            return {"text_encoder": open_clip_config(without(shapes, SD2_TEXT), skip=1)}
        case "sdxl":
            return {
                "text_encoder": clip_config(without(shapes, XL_TEXT)),
                "text_encoder_2": open_clip_config(without(shapes, XL_TEXT_2)),
            }
        case _:
            return {"text_encoder_2": open_clip_config(without(shapes, REFINER_TEXT))}


EDITS = 8
"""Channels that a UNet takes which edits (InstructPix2Pix): its latents and the picture's."""


def _scheduler(family: str, unet: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    if family.startswith("sdxl"):
        return "EulerDiscreteScheduler", NOISE | {"interpolation_type": "linear"}
    if unet["in_channels"] == EDITS:
        return "EulerAncestralDiscreteScheduler", NOISE
    if unet["in_channels"] > 4:
        return "DDIMScheduler", NOISE
    return "PNDMScheduler", NOISE


def _index(
    family: str, unet: Mapping[str, Any], texts: Mapping[str, Any], scheduler: str
) -> dict[str, Any]:
    inpainting = "Inpaint" if unet["in_channels"] == 9 else ""
    xl = family.startswith("sdxl")
    index: dict[str, Any] = {
        "_class_name": f"StableDiffusion{'XL' if xl else ''}{inpainting}Pipeline",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "scheduler": ["diffusers", scheduler],
    }
    for part in ("text_encoder", "text_encoder_2") if xl else ("text_encoder",):
        tokenizer = part.replace("text_encoder", "tokenizer")
        there = part in texts
        projects = "WithProjection" if part == "text_encoder_2" else ""
        index[part] = ["transformers", f"CLIPTextModel{projects}"] if there else [None, None]
        index[tokenizer] = ["transformers", "CLIPTokenizer"] if there else [None, None]
    if family == "sdxl-refiner":
        index["_class_name"] = "StableDiffusionXLImg2ImgPipeline"
    if xl:
        index["force_zeros_for_empty_prompt"] = family == "sdxl"
        index["requires_aesthetics_score"] = family == "sdxl-refiner"
    return index
