"""Which LoRAs, embeddings, ControlNets and upscalers are there, and which model each fits.

Read from the headers of their files and from small configuration files, before any weight is
read. No torch.
"""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import cast

from jobs.request.model_card import AddOn
from worker.models.catalogue import Catalogue
from worker.models.files.configurations.claims import Claims, read_claims
from worker.models.files.errors import SourceError
from worker.models.files.face_restorers import finder_for, restores_faces
from worker.models.files.formats.layout import no_weights, weights_in
from worker.models.files.formats.places import Patterns, add_on_folder, find_file, find_path
from worker.models.files.formats.safetensors_file import Shapes, numbers, read_complete, read_header
from worker.models.files.loras.families import LoraFor, lora_for
from worker.models.files.references.adapters import adapter_for
from worker.models.files.references.located import encoder_for
from worker.models.files.references.located import wanted_files as ip_adapter_files
from worker.models.files.segmenters import goes_by, segmenter_weights
from worker.models.files.steering.controlnets import controlnet_files, steers, wanted_part
from worker.models.files.steering.mappers import WANTED, mapper_weights
from worker.models.files.widths import ModelWidths, model_widths
from worker.models.tables import (
    AddOnEntry,
    ControlNetEntry,
    FaceRestorerEntry,
    IPAdapterEntry,
    LoraEntry,
    PreprocessorEntry,
    SegmenterEntry,
    VaeEntry,
)

EMBEDDING = "emb_params"
SDXL_EMBEDDING = ("clip_l", "clip_g")


SECTIONS = (
    *("loras", "embeddings", "controlnets", "ip_adapters", "preprocessors"),
    *("segmenters", "upscalers", "vaes", "face_restorers"),
)
"""The fields of a ModelCard that list add-ons."""

FOR_ALL = ("preprocessors", "segmenters", "upscalers", "face_restorers")
"""Those that work on pixels, and fit every model."""

PAIRED = ("controlnets", "ip_adapters", "face_restorers")
"""Those that need a file beside their own, which may come and go."""

FAMILIES_BY_TEXT = {768: "sd1", 1024: "sd2", 2048: "sdxl"}
FAMILIES_BY_TOKENS: dict[tuple[int, ...], str] = {
    (768,): "sd1",
    (1024,): "sd2",
    (768, 1280): "sdxl",
}
"""The families by how wide the text is that a UNet reads, and a text encoder's tokens are."""


@dataclass(frozen=True)
class FoundAddOn:
    """An add-on that is on this machine, with what a model must have for it; None fits any. What
    `steers` transformers is for a family of them, and for those of one width."""

    entry: AddOnEntry
    text: int | None = None
    given: int | None = None
    channels: tuple[int, ...] | None = None
    tokens: tuple[int, ...] | None = None
    latents: int | None = None
    lora: LoraFor = field(default_factory=LoraFor)
    steers: tuple[str, int] | None = None
    control_types: tuple[str, ...] = ()
    goes_by: str = ""

    def fits(self, model: ModelWidths) -> bool:
        """Whether it can be added to a model of these widths."""
        if self.steers is not None:
            return self.steers == (model.family, model.wide)
        if model.family:
            return model.family in self.lora.families and self.lora.wide in (None, model.wide)
        return (
            not self.lora.families
            and self.text in (None, model.text)
            and self.given in (None, model.given)
            and self.channels in (None, model.channels)
            and self.tokens in (None, model.tokens)
            and self.latents in (None, model.latents)
        )

    @property
    def family(self) -> str:
        """The family of the models that it fits; empty where it fits any, or a rare one."""
        if self.steers is not None:
            return self.steers[0]
        if self.lora.families:
            return self.lora.families[0] if len(self.lora.families) == 1 else ""
        if self.tokens is not None:
            return FAMILIES_BY_TOKENS.get(self.tokens, "")
        return FAMILIES_BY_TEXT.get(self.text or self.given or 0, "")

    @cached_property
    def told(self) -> AddOn:
        """What callers are told of it."""
        task = self.entry.task if isinstance(self.entry, PreprocessorEntry) else self.goes_by
        own = {"family": self.family, "control_types": list(self.control_types), "task": task}
        return _told(self.entry).model_copy(update=own)


def add_ons(found: Sequence[FoundAddOn], config: Path) -> dict[str, list[AddOn]]:
    """The add-ons that fit the model whose configuration lies in `config`, as its ModelCard lists
    them: `loras`, `embeddings`, `controlnets` and so on. Raises SourceError."""
    widths = model_widths(config)
    fitting = [each for each in found if each.entry.section in FOR_ALL or each.fits(widths)]
    return {
        section: [each.told for each in fitting if each.entry.section == section]
        for section in SECTIONS
    }


def find_add_ons(catalogue: Catalogue) -> tuple[list[FoundAddOn], list[str]]:
    """The add-ons that can be used now, and a sentence for each that cannot."""
    found: list[FoundAddOn] = []
    problems: list[str] = []
    for entry in catalogue.add_ons:
        try:
            found.append(_found_before(entry) or find(entry))
        except SourceError as error:
            problems.append(str(error))
    return found, problems


_found: dict[str, tuple[int, int, FoundAddOn]] = {}
"""What was found at each path, with the file's size and time: people have a thousand LoRAs, and
the catalogue is read anew whenever one comes."""


def _found_before(entry: AddOnEntry) -> FoundAddOn | None:
    """What is known of the entry's one file since it last changed; None for what is no one file."""
    file = find_path(entry.source, entry.base)
    try:
        state = file.stat()
    except OSError:
        return None
    if entry.section in PAIRED or not stat.S_ISREG(state.st_mode):
        return None
    size, changed, found = _found.get(str(file), (0, 0, None))
    if (
        found is None
        or (size, changed) != (state.st_size, state.st_mtime_ns)
        or (found.entry != entry)
    ):
        found = find(entry)
        _found[str(file)] = state.st_size, state.st_mtime_ns, found
    return found


def find(entry: AddOnEntry) -> FoundAddOn:
    """Look at an add-on's files. Raises SourceError where they are missing or of another kind."""
    match entry.section:
        case "loras":
            file = weights(entry)
            header = read_complete(file)
            base = read_claims(file, header).base
            where = f"{entry.where}.source"
            told = lora_for(where, header.shapes, base)
            return FoundAddOn(entry, text=told.text, lora=told)
        case "embeddings":
            shapes = read_complete(weights(entry)).shapes
            names = embedding_names(entry, shapes)
            return FoundAddOn(entry, tokens=tuple(shapes[name][-1] for name in names))
        case "controlnets":
            steered = steers(cast(ControlNetEntry, entry))
            return FoundAddOn(
                entry,
                given=steered.given,
                channels=steered.channels,
                steers=steered.transformer,
                control_types=steered.types,
            )
        case "ip_adapters":
            file = weights(entry)
            wanted = adapter_for(f"{entry.where}.source", read_complete(file).shapes)
            encoder_for(cast(IPAdapterEntry, entry), file, wanted)
            return FoundAddOn(entry, text=wanted.text)
        case "preprocessors":
            mapper_weights(cast(PreprocessorEntry, entry))
            return FoundAddOn(entry)
        case "segmenters":
            return FoundAddOn(entry, goes_by=goes_by(cast(SegmenterEntry, entry)))
        case "vaes":
            files = vae_files(cast(VaeEntry, entry))
            return FoundAddOn(entry, latents=_latents(read_complete(files[0]).shapes))
        case "face_restorers":
            file = weights(entry)
            _check_restorer(entry, file)
            finder_for(cast(FaceRestorerEntry, entry), file)
            return FoundAddOn(entry)
        case _:
            weights(entry)
            return FoundAddOn(entry)


def _check_restorer(entry: AddOnEntry, file: Path) -> None:
    where = f"{entry.where}.source"
    try:
        known = restores_faces(read_complete(file).shapes)
    except SourceError as error:
        raise SourceError(f"{where}: {file.name} is {error}.") from None
    if not known:
        raise SourceError(f"{where}: {file.name} is neither a GFPGAN nor a RestoreFormer.")


def _latents(shapes: Shapes) -> int | None:
    """The channels of the latents that an autoencoder decodes; None where it does not show."""
    ends = ("decoder.conv_in.weight",)
    found = (shape for name, shape in shapes.items() if name.endswith(ends) and len(shape) > 1)
    return next((shape[1] for shape in found), None)


def weights(entry: AddOnEntry) -> Path:
    """The .safetensors file of a LoRA, an embedding, an upscaler or a face restorer.

    Raises SourceError.
    """
    if entry.source.endswith(".safetensors"):
        return find_file(entry.source, entry.base, f"{entry.where}.source")
    path = find_path(entry.source, entry.base)
    if path.is_file():
        return path
    return _one_file(entry, add_on_folder(entry, entry.source, wanted_files(entry)))


def add_on_weights(entry: AddOnEntry) -> list[Path]:
    """The files of an add-on's weights. Raises SourceError where they are not on this machine."""
    if isinstance(entry, VaeEntry):
        return vae_files(entry)
    if isinstance(entry, PreprocessorEntry):
        return mapper_weights(entry)
    if isinstance(entry, SegmenterEntry):
        return segmenter_weights(entry)
    if isinstance(entry, IPAdapterEntry):
        file = weights(entry)
        wanted = adapter_for(f"{entry.where}.source", read_complete(file).shapes)
        return [file, encoder_for(entry, file, wanted).file]
    if not isinstance(entry, ControlNetEntry):
        return [weights(entry)]
    folder, file = controlnet_files(entry)
    return [file] if file is not None else weights_in(folder, entry.variant)


def vae_files(entry: VaeEntry) -> list[Path]:
    """The files of an autoencoder's weights. Raises SourceError."""
    if entry.source.endswith(".safetensors"):
        return [weights(entry)]
    folder = add_on_folder(entry, entry.source, wanted_files(entry))
    files = weights_in(folder, entry.variant)
    if not files:
        raise SourceError(f"{entry.where}.source: {no_weights(folder, entry.variant)}")
    return files


def add_on_parameters(entry: AddOnEntry) -> int:
    """How many numbers an add-on has, from the headers of its files. Raises SourceError."""
    return sum(numbers(read_complete(file).shapes) for file in add_on_weights(entry))


def wanted_files(entry: AddOnEntry) -> Patterns:
    """Which files of a hub repository an add-on needs, for a pull."""
    if isinstance(entry, ControlNetEntry | VaeEntry):
        return wanted_part(entry)
    if isinstance(entry, PreprocessorEntry | SegmenterEntry):
        return WANTED
    if isinstance(entry, IPAdapterEntry):
        return ip_adapter_files(entry)
    return Patterns([entry.file], []) if entry.file else Patterns(["*.safetensors"], ["*/*"])


def embedding_names(entry: AddOnEntry, shapes: Shapes) -> list[str]:
    """The tensors of an embedding, one for each text encoder, in their order.

    Raises SourceError for a file that is no embedding.
    """
    flat = {name for name, shape in shapes.items() if len(shape) in (1, 2)}
    if set(SDXL_EMBEDDING) <= flat:
        return list(SDXL_EMBEDDING)
    if EMBEDDING in flat:
        return [EMBEDDING]
    if len(shapes) == 1 and flat:
        return list(flat)
    names = ", ".join(sorted(shapes)[:3]) or "nothing"
    raise SourceError(
        f"{entry.where}.source: it is no embedding: it holds {names}, not {EMBEDDING}, one token,"
        f" or {' and '.join(SDXL_EMBEDDING)}."
    )


def _told(entry: AddOnEntry) -> AddOn:
    """An add-on as callers see it: as models.toml says, else as its file says of itself."""
    says = _claims(entry)
    triggers = says.triggers
    if isinstance(entry, LoraEntry) and "triggers" in entry.model_fields_set:
        triggers = entry.triggers
    return AddOn(
        name=entry.name,
        title=entry.title or says.title or entry.name,
        description=entry.description or says.description,
        licence=entry.licence or says.licence,
        triggers=triggers if isinstance(entry, LoraEntry) else [],
        bytes=_bytes(entry),
    )


def _bytes(entry: AddOnEntry) -> int:
    try:
        return sum(file.stat().st_size for file in add_on_weights(entry))
    except (SourceError, OSError):
        return 0


def _claims(entry: AddOnEntry) -> Claims:
    try:
        file = add_on_weights(entry)[0]
        return read_claims(file, read_header(file))
    except (SourceError, IndexError):
        return Claims()


def _one_file(entry: AddOnEntry, folder: Path) -> Path:
    if entry.file is not None:
        file = folder / entry.file
        if not file.is_file():
            raise SourceError(f"{entry.where}.file: there is no file {file}.")
        return file
    files = sorted(folder.glob("*.safetensors"))
    if len(files) == 1:
        return files[0]
    if not files:
        raise SourceError(f"{entry.where}.source: {no_weights(folder)}")
    names = ", ".join(file.name for file in files)
    raise SourceError(f"{entry.where}.file: must name one of the files of {folder}: {names}.")
