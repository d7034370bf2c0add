"""What a model is, by its small configuration files, before any weight is read. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast, get_args

from jobs.request.model_card import Kind
from worker.models.files.configurations.blocks import block_names
from worker.models.files.configurations.claims import Claims
from worker.models.files.configurations.scheduler import (
    Defaults,
    sampler_of,
    scheduler_config,
)
from worker.models.files.errors import SourceError, check_package
from worker.models.files.formats.layout import class_of, read_json, text_parts
from worker.models.files.sources import ModelFiles
from worker.models.files.transformers import read_transformer, unlike
from worker.models.files.whole_pipelines import BATCHED_ONLY, read_whole_pipeline

KINDS: tuple[Kind, ...] = tuple(kind for kind in get_args(Kind) if kind != "edit")
"""What every model does that was not made for something else."""

EDITS: tuple[Kind, ...] = ("edit",)
FROM_A_PICTURE: tuple[Kind, ...] = ("image-to-image", "upscale", "variations")
WITH_A_MASK: tuple[Kind, ...] = ("inpaint", "outpaint")

ENGINE_UNET, ENGINE_VAE = "UNet2DConditionModel", "AutoencoderKL"
TEXT_MODELS = ("CLIPTextModel", "CLIPTextModelWithProjection")
"""What the engine runs itself: Stable Diffusion 1.x, 2.x and XL, and every model of their shape."""

CHATGLM, CHATGLM_TOKENS = "ChatGLMModel", 256
"""What reads for Kolors, which has SDXL's UNet, and how many tokens of each prompt."""

PROJECTED = "encoder_hid_dim_type"
OTHER_CONDITIONS = ("class_embed_type", PROJECTED)
"""Where a UNet's configuration says that it wants what Darkroom does not make."""

KOLORS = "kolors"

PREDICTIONS = ("epsilon", "v_prediction", "sample")


LCM: Defaults = {
    "sampler": "lcm",
    "schedule": "automatic",
    "steps": 4,
    "guidance_scale": 8.5,
}
"""What diffusers' LatentConsistencyModelPipeline takes (arXiv 2310.04378)."""

LCM_UNTOLD: Defaults = LCM | {"guidance_scale": 1.0}
"""A consistency model that is not told the guidance scale has learned one: guidance is off."""

TURBO: Defaults = {"steps": 4, "guidance_scale": 1.0}
"""Adversarially distilled models (arXiv 2311.17042): one to four steps, without guidance."""

TURBO_SAMPLERS = ("EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler")


@dataclass(frozen=True)
class Architecture:
    """What a model is taken for, and the sizes that follow from it.

    `factor` is pixels a latent pixel, `window` the prompt tokens of one pass of the text encoder,
    without its begin and end tokens, `clip_layers` the layers that `clip_skip` may count; `width`
    and `height` are what it was trained at, in pixels. `distilled` is whether its UNet is told the
    guidance scale (LCM). A model that is not `batched` runs as a whole diffusers pipeline; one that
    predicts a `flow` takes the samplers of flow matching, and with `distilled_guidance` is told its
    guidance scale. Edits are given up to `edit_pictures` pictures, and with `image_guidance` are
    guided by the first as well. It was taught so many `classes`. One that has its `own_sampler`
    takes no other. LoRAs may be given weights of their `lora_blocks`.
    `defaults` is what it takes where models.toml does not say: fields of ModelEntry.
    """

    family: str
    factor: int
    window: int
    width: int
    height: int
    clip_layers: int = 1
    kinds: tuple[Kind, ...] = KINDS
    distilled: bool = False
    batched: bool = True
    own_sampler: bool = False
    flow: bool = False
    distilled_guidance: bool = False
    edit_pictures: int = 0
    image_guidance: bool = False
    classes: int = 0
    lora_blocks: tuple[str, ...] = ()
    defaults: Defaults = field(default_factory=dict[str, str | int | float])


def read_architecture(name: str, files: ModelFiles) -> Architecture:
    """Read `model_index.json` and the parts' config.json.

    Raises SourceError, naming the class it found, for a model that cannot be run.
    """
    index = read_json(files.config / "model_index.json")
    _check_code(name, index, files.config)
    try:
        if not _is_stable_diffusion(index):
            return _whole_pipeline(name, index, files)
        unet, vae = (read_json(files.config / part / "config.json") for part in ("unet", "vae"))
        texts = [read_json(files.config / part / "config.json") for part in text_parts(index)]
        kolors = class_of(index, "text_encoder") == CHATGLM
        if kolors:
            check_package(f"model: {name} has the tokenizer of ChatGLM", "sentencepiece", "kolors")
        _check_inputs(name, unet, vae, read_elsewhere=kolors)
        scheduler = read_scheduler(files)
        _check_prediction(name, scheduler)
        return _stable_diffusion(index, unet, vae, texts, scheduler, files.claims)
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise SourceError(
            f"model: {name} has a configuration that Darkroom cannot read: {error!r}."
        ) from error


def is_xl(family: str) -> bool:
    """Whether it has the UNet and the autoencoder of SDXL."""
    return family == KOLORS or family.startswith("sdxl")


def read_scheduler(files: ModelFiles) -> dict[str, Any]:
    """A model's scheduler_config.json with what its weights and models.toml say beside it.

    Raises SourceError.
    """
    own = read_json(files.config / "scheduler" / "scheduler_config.json")
    return scheduler_config(own, files.claims)


def _is_stable_diffusion(index: dict[str, Any]) -> bool:
    """Whether the engine runs these parts itself."""
    texts = [class_of(index, part) for part in ("text_encoder", "text_encoder_2")]
    return (
        class_of(index, "unet") == ENGINE_UNET
        and class_of(index, "vae") == ENGINE_VAE
        and any(texts)
        and (texts == [CHATGLM, None] or all(found in (None, *TEXT_MODELS) for found in texts))
        and not class_of(index, "text_encoder_3")
        # Another parametrisation of the noise (arXiv 2206.00364), which only its own pipeline has.
        and not (class_of(index, "scheduler") or "").startswith("EDM")
    )


def _stable_diffusion(
    index: dict[str, Any],
    unet: dict[str, Any],
    vae: dict[str, Any],
    texts: list[dict[str, Any]],
    scheduler: dict[str, Any],
    claims: Claims,
) -> Architecture:
    factor = 2 ** (len(vae["block_out_channels"]) - 1)
    height, width = _sides(unet["sample_size"])
    if claims.width and claims.height:
        width, height = claims.width // factor, claims.height // factor
    elif claims.prediction == "v_prediction" and _family(unet, texts) == "sd2":
        # What of Stable Diffusion 2 learned velocity was trained at 768.
        width = height = max(width, 768 // factor)
    family = _family(unet, texts)
    kinds = KINDS
    edits = unet["in_channels"] == 2 * vae["latent_channels"]
    if edits:
        kinds = EDITS
    elif unet["in_channels"] != vae["latent_channels"]:
        kinds = WITH_A_MASK
    elif family == "sdxl-refiner" or index.get("requires_aesthetics_score"):
        kinds = FROM_A_PICTURE
    return Architecture(
        family=family,
        factor=factor,
        window=_window(family, texts),
        width=width * factor,
        height=height * factor,
        clip_layers=_clip_layers(family, texts),
        kinds=kinds,
        distilled=bool(unet.get("time_cond_proj_dim")),
        edit_pictures=int(edits),
        image_guidance=edits,
        # The last stands for none.
        classes=max(0, (unet.get("num_class_embeds") or 0) - 1),
        lora_blocks=block_names(unet),
        defaults=_defaults(family, unet, scheduler, claims),
    )


def _window(family: str, texts: list[dict[str, Any]]) -> int:
    """Prompt tokens of one pass, without those that begin and end it."""
    if family == KOLORS:
        return CHATGLM_TOKENS - 2
    return min(text["max_position_embeddings"] for text in texts) - 2


def _clip_layers(family: str, texts: list[dict[str, Any]]) -> int:
    """What `clip_skip` may be at most; SDXL's families count from the layer before the last."""
    if family == KOLORS:
        return 1
    layers = min(int(text.get("num_hidden_layers", 12)) for text in texts)
    return max(1, layers - family.startswith("sdxl"))


def _defaults(
    family: str, unet: dict[str, Any], scheduler: dict[str, Any], claims: Claims
) -> Defaults:
    """What a model takes where models.toml does not say."""
    return {
        **({"guidance_scale": 5.0} if is_xl(family) else {}),
        **sampler_of(scheduler),
        **_few_steps(unet, scheduler),
        **_said(claims),
    }


def _few_steps(unet: dict[str, Any], scheduler: dict[str, Any]) -> Defaults:
    """Steps and guidance of what was distilled."""
    if unet.get("time_cond_proj_dim"):
        return LCM
    own = scheduler.get("_class_name")
    if own == "LCMScheduler":
        return LCM_UNTOLD
    # Turbo models are told from others by their scheduler alone: with epsilon and Euler, who
    # starts at the very last timestep was made for few steps. (Zero terminal SNR does so too.)
    few = (
        scheduler.get("timestep_spacing") == "trailing"
        and scheduler.get("prediction_type", "epsilon") == "epsilon"
        and not scheduler.get("rescale_betas_zero_snr")
    )
    return TURBO if few and own in TURBO_SAMPLERS else {}


def _said(claims: Claims) -> Defaults:
    """What a file says of itself to people, and of its steps."""
    said: Defaults = {}
    if claims.distilled is not None:
        said |= {"steps": claims.distilled.steps, "guidance_scale": 1.0}
    description = claims.description
    if claims.distilled is not None and claims.distilled.by_name:
        description += (
            f" Its file is named {claims.distilled.how}, so it is taken for a distilled model:"
            f" {claims.distilled.steps} steps, without guidance."
        )
    words = {"title": claims.title, "description": description.strip(), "licence": claims.licence}
    return said | {key: text for key, text in words.items() if text}


def _family(unet: dict[str, Any], texts: list[dict[str, Any]]) -> str:
    if texts[0].get("model_type") == "chatglm":
        return KOLORS
    if unet.get("addition_embed_type") == "text_time":
        return "sdxl" if len(texts) == 2 else "sdxl-refiner"
    # The text encoder tells them apart: OpenCLIP's has the exact GELU, CLIP's the quick one.
    return "sd2" if texts[0].get("hidden_act") == "gelu" else "sd1"


def _sides(size: int | list[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def _check_inputs(
    name: str, unet: dict[str, Any], vae: dict[str, Any], *, read_elsewhere: bool
) -> None:
    channels, latent = unet["in_channels"], vae["latent_channels"]
    if channels not in (latent, 2 * latent, 2 * latent + 1):
        raise SourceError(
            f"model: {name} has a UNet2DConditionModel that takes {channels} channels, neither the"
            f" {latent} of its latents nor {2 * latent} for editing nor {2 * latent + 1} for"
            " inpainting."
        )
    added = unet.get("addition_embed_type")
    known = [each for each in OTHER_CONDITIONS if not (read_elsewhere and each == PROJECTED)]
    others = (None if added == "text_time" else added, *map(unet.get, known))
    if kind := next(filter(None, others), None):
        raise SourceError(
            f"model: {name} has a UNet2DConditionModel that wants more than a prompt, a size and a"
            f" mask: {kind}."
        )


def _check_prediction(name: str, scheduler: dict[str, Any]) -> None:
    prediction = scheduler.get("prediction_type", "epsilon")
    if prediction not in PREDICTIONS:
        raise SourceError(
            f"model: {name} predicts {prediction}; Darkroom runs {', '.join(PREDICTIONS)}."
        )


def _whole_pipeline(name: str, index: dict[str, Any], files: ModelFiles) -> Architecture:
    """A pipeline of transformers: batched where the engine knows its family, else it runs whole,
    one picture at a time."""
    whole = read_whole_pipeline(name, index, files)
    batched = read_transformer(index, files)
    if batched is not None:
        return Architecture(
            family=batched.family,
            factor=whole.factor,
            window=whole.defaults.window,
            width=whole.width,
            height=whole.height,
            clip_layers=batched.clip_layers,
            kinds=batched.kinds or (KINDS + (EDITS if batched.edit_pictures else ())),
            edit_pictures=batched.edit_pictures,
            flow=batched.flow,
            distilled_guidance=batched.distilled_guidance,
            own_sampler=batched.own_sampler,
            defaults={
                "steps": whole.defaults.steps,
                "guidance_scale": whole.defaults.guidance_scale,
                **batched.sampler,
            },
        )
    if whole.pipeline in BATCHED_ONLY:
        raise SourceError(
            f"model: {name} is a {whole.pipeline}, which runs in batches only, and its"
            f" {unlike(index)}."
        )
    return Architecture(
        family=whole.pipeline,
        factor=whole.factor,
        window=whole.defaults.window,
        width=whole.width,
        height=whole.height,
        kinds=whole.kinds,
        edit_pictures=whole.edit_pictures,
        image_guidance=whole.image_guidance,
        batched=False,
        own_sampler=True,
        defaults={
            "steps": whole.defaults.steps,
            "guidance_scale": whole.defaults.guidance_scale,
        },
    )


def _check_code(name: str, index: dict[str, Any], config: Path) -> None:
    """Refuses a model that brings code of its own, as diffusers does without trust_remote_code."""
    own = index.get("_class_name")
    if isinstance(own, list):
        raise SourceError(
            f"model: {name} is a {cast('list[object]', own)[-1]}, which brings code of its own;"
            " Darkroom runs none but diffusers'."
        )
    for part, value in index.items():
        if isinstance(value, list) and len(cast("list[object]", value)) > 1:
            library, kind = cast("list[object]", value)[:2]
            if library and (config / part / f"{library}.py").is_file():
                raise SourceError(
                    f"model: {name} has the {part} {kind}, which brings code of its own;"
                    " Darkroom runs none but diffusers'."
                )
