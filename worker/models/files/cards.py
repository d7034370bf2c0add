"""What callers are told of each model, and of what can be added to it. No torch."""

from __future__ import annotations

from jobs.request.fields.values import OWN_SAMPLER
from jobs.request.model_card import ModelCard
from jobs.request.samplers import EVERY, FLOW_SCHEDULES, SAMPLERS
from jobs.request.words import FILE as WORDS
from worker.models.catalogue import Catalogue
from worker.models.files.add_ons import add_ons, find_add_ons
from worker.models.files.architecture import Architecture, read_architecture
from worker.models.files.errors import SourceError
from worker.models.files.sources import check_complete, locate
from worker.models.tables import ModelEntry


def card(entry: ModelEntry, *, default: bool = False) -> ModelCard:
    """What callers are told of a model. Raises SourceError where it is not on this machine."""
    found = locate(entry)
    model = read_architecture(entry.name, found)
    for side in ("width", "height"):
        pixels: int | None = getattr(entry, side)
        if pixels is not None and pixels % model.factor:
            raise SourceError(
                f"{entry.where}.{side}: {pixels} is not a multiple of {model.factor}."
            )
    for size in entry.sizes:
        if any(int(side) % model.factor for side in size.split("x")):
            raise SourceError(
                f"{entry.where}.sizes: {size} has a side that is not a multiple of {model.factor}."
            )
    chosen = set(entry.model_fields_set)
    if "sampler" in chosen:
        # The model's schedule is one for its own sampler.
        chosen.add("schedule")
    entry = entry.model_copy(
        update={key: value for key, value in model.defaults.items() if key not in chosen}
    )
    return ModelCard(
        name=entry.name,
        title=entry.title or entry.name,
        description=entry.description,
        default=default,
        family=model.family,
        batched=model.batched,
        width=entry.width or model.width,
        height=entry.height or model.height,
        sizes=entry.sizes,
        factor=model.factor,
        steps=entry.steps,
        guidance_scale=entry.guidance_scale,
        sampler=OWN_SAMPLER if model.own_sampler else entry.sampler,
        schedule="automatic" if model.own_sampler else entry.schedule,
        reads_words=(found.config / WORDS).is_file(),
        window=model.window,
        clip_layers=model.clip_layers,
        licence=entry.licence,
        bytes=sum(file.stat().st_size for file in found.weights()),
        kinds=list(model.kinds),
        edit_pictures=model.edit_pictures,
        image_guidance=model.image_guidance,
        classes=model.classes,
        lora_blocks=list(model.lora_blocks),
        samplers=_samplers(model),
        schedules=list(FLOW_SCHEDULES if model.flow else EVERY),
        distilled_guidance=model.distilled_guidance,
    )


def _samplers(model: Architecture) -> list[str]:
    """The samplers that fit what a model predicts."""
    if model.own_sampler:
        return [OWN_SAMPLER]
    return [name for name, info in SAMPLERS.items() if info.flow or not model.flow]


def cards(catalogue: Catalogue) -> tuple[list[ModelCard], list[str]]:
    """The cards of the models that can be used now, and a sentence for each that cannot.

    Each lists the add-ons that fit it; those that cannot be used have their sentences too.
    """
    usable: list[ModelCard] = []
    found, problems = find_add_ons(catalogue)
    for name, entry in catalogue.entries.items():
        try:
            check_complete(name, locate(entry))
            known = card(entry, default=name == catalogue.default)
            fitting = add_ons(found, locate(entry).config) if known.batched else {}
            usable.append(known.model_copy(update=fitting))
        except SourceError as error:
            problems.append(str(error))
    return usable, problems
