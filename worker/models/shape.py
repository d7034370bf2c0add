"""What a model's small configuration files say of it, before any weight is read. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jobs.models import ModelCard
from jobs.samplers import SAMPLERS
from worker.models.catalogue import Catalogue, ModelEntry
from worker.models.sources import ModelFiles, SourceError, locate, read_json

CLASSES = {"unet": "UNet2DConditionModel", "vae": "AutoencoderKL", "text_encoder": "CLIPTextModel"}
"""The parts the engine runs: Stable Diffusion 1.x and 2.x, and every model of their shape."""

PREDICTIONS = ("epsilon", "v_prediction")


@dataclass(frozen=True)
class Shape:
    """The sizes that follow from a model's architecture.

    `factor` is pixels a latent pixel, `window` the prompt tokens of one pass of the text encoder,
    without its begin and end tokens; `width` and `height` are what it was trained at, in pixels.
    """

    family: str
    factor: int
    window: int
    width: int
    height: int


def read_shape(name: str, files: ModelFiles) -> Shape:
    """Read `model_index.json` and the parts' config.json.

    Raises SourceError, naming the class it found, for a model the engine cannot run.
    """
    index = read_json(files.config / "model_index.json")
    try:
        _check_parts(name, index)
        unet, vae, text = (read_json(files.config / part / "config.json") for part in CLASSES)
        _check_inputs(name, str(index.get("_class_name")), unet, vae)
        _check_prediction(name, files)
        return _shape(unet, vae, text)
    except (KeyError, TypeError, IndexError) as error:
        raise SourceError(
            f"model: {name} has a configuration that Darkroom cannot read: {error!r}."
        ) from error


def card(entry: ModelEntry, *, default: bool = False) -> ModelCard:
    """What callers are told of a model. Raises SourceError where it is not on this machine."""
    shape = read_shape(entry.name, locate(entry))
    for side in ("width", "height"):
        pixels: int | None = getattr(entry, side)
        if pixels is not None and pixels % shape.factor:
            raise SourceError(
                f"models.{entry.name}.{side}: {pixels} is not a multiple of {shape.factor}."
            )
    return ModelCard(
        name=entry.name,
        title=entry.title or entry.name,
        description=entry.description,
        default=default,
        family=shape.family,
        width=entry.width or shape.width,
        height=entry.height or shape.height,
        factor=shape.factor,
        steps=entry.steps,
        guidance_scale=entry.guidance_scale,
        sampler=entry.sampler,
        window=shape.window,
        licence=entry.licence,
        samplers=list(SAMPLERS),
    )


def cards(catalogue: Catalogue) -> tuple[list[ModelCard], list[str]]:
    """The cards of the models that can be used now, and a sentence for each that cannot."""
    usable: list[ModelCard] = []
    problems: list[str] = []
    for name, entry in catalogue.entries.items():
        try:
            usable.append(card(entry, default=name == catalogue.default))
        except SourceError as error:
            problems.append(str(error))
    return usable, problems


def _shape(unet: dict[str, Any], vae: dict[str, Any], text: dict[str, Any]) -> Shape:
    factor = 2 ** (len(vae["block_out_channels"]) - 1)
    height, width = _sides(unet["sample_size"])
    return Shape(
        # The text encoder is what tells them apart: OpenCLIP's is 1024 wide, CLIP's 768.
        family="sd2" if unet["cross_attention_dim"] == 1024 else "sd1",
        factor=factor,
        window=text["max_position_embeddings"] - 2,
        width=width * factor,
        height=height * factor,
    )


def _sides(size: int | list[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def _check_parts(name: str, index: dict[str, Any]) -> None:
    pipeline = index.get("_class_name")
    for part, wanted in CLASSES.items():
        found = (index.get(part) or [None, None])[1]
        if found != wanted:
            raise SourceError(
                f"model: {name} is a {pipeline} whose {part} is {found or 'missing'}; Darkroom runs"
                f" those with a {wanted}."
            )
    for part, value in index.items():
        if part.endswith(("_2", "_3")) and value != [None, None]:
            raise SourceError(f"model: {name} is a {pipeline}, which is not supported yet.")


def _check_inputs(name: str, pipeline: str, unet: dict[str, Any], vae: dict[str, Any]) -> None:
    if unet["in_channels"] != vae["latent_channels"]:
        raise SourceError(
            f"model: {name} is a {pipeline} whose UNet2DConditionModel takes {unet['in_channels']}"
            f" channels, not the {vae['latent_channels']} of its latents; that is not supported"
            " yet."
        )
    for key in ("addition_embed_type", "time_cond_proj_dim", "class_embed_type"):
        if unet.get(key):
            raise SourceError(
                f"model: {name} is a {pipeline} whose UNet2DConditionModel wants more than a prompt"
                f" ({key} is {unet[key]}); that is not supported yet."
            )


def _check_prediction(name: str, files: ModelFiles) -> None:
    config = read_json(files.config / "scheduler" / "scheduler_config.json")
    prediction = config.get("prediction_type", "epsilon")
    if prediction not in PREDICTIONS:
        raise SourceError(
            f"model: {name} predicts {prediction}; Darkroom runs {' and '.join(PREDICTIONS)}."
        )
