"""What would be added, as it is shown before it begins: files, size, licence, family."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from jobs.additions.fit import Fit
from jobs.sentences import Wording

Kind = Literal[
    "model",
    "lora",
    "embedding",
    "controlnet",
    "ip-adapter",
    "vae",
    "upscaler",
    "face-restorer",
]

SECTIONS: dict[Kind, str] = {
    "model": "models",
    "lora": "loras",
    "embedding": "embeddings",
    "controlnet": "controlnets",
    "ip-adapter": "ip_adapters",
    "vae": "vaes",
    "upscaler": "upscalers",
    "face-restorer": "face_restorers",
}
"""The tables of models.toml that hold each kind."""

KINDS: dict[str, Kind] = {section: kind for kind, section in SECTIONS.items()}


class FoundFile(BaseModel):
    """A file that would be fetched."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="Its path below what is added.")
    bytes: int | None = Field(description="Null where its source does not say.")
    sha256: str | None = Field(description="What it must come to, where its source says so.")


class Found(BaseModel):
    """What a source has, and what would become of it here."""

    source: str = Field(description="As it was asked for, without what opens it.")
    name: str = Field(description="The name that it would go by.")
    title: str
    kind: Kind | None = Field(description="Null where it cannot be told before the files are here.")
    family: str = Field(
        description="The architecture, or that of the models that it fits: sd1, sd2, sdxl; empty "
        "where it fits any or is not known."
    )
    licence: str
    description: str
    triggers: list[str] = Field(description="Words that a prompt should have with it.")
    bytes: int | None = Field(description="What would be fetched; null where its source is silent.")
    free_bytes: int = Field(description="Free on the disk that it would lie on.")
    files: list[FoundFile]
    preview_url: str | None = Field(description="A picture of what it makes, at its source.")
    usable: bool = Field(description="Whether it can be added.")
    reason: str | None = Field(description="Why it cannot.")
    wording: Wording | None = Field(None, description="What the reason says, for programs.")
    fit: Fit | None = Field(
        None, description="Whether the memory of its machine is enough for it; null for add-ons."
    )


class SearchResult(BaseModel):
    """A model of the hub or of Civitai."""

    source: str = Field(description="What to send as `source`.")
    title: str
    kind: Kind | None
    family: str
    licence: str
    downloads: int | None
    bytes: int | None
    preview_url: str | None
    triggers: list[str]


class SearchPage(BaseModel):
    """A page of what was found."""

    results: list[SearchResult]
    next: str | None = Field(description="Send it as `cursor` for the next page.")
