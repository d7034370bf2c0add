"""What is to be fetched and what becomes of it, in a form that outlives the process."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from pydantic import BaseModel, ConfigDict, Field

from jobs.sentences import say
from worker.models.tables import PICKLED


class NotAddable(Exception):
    """This cannot be added; the sentence says why. `away` is whether another time it might."""

    def __init__(self, detail: str, *, away: bool = False) -> None:
        super().__init__(detail)
        self.away = away


class PlannedFile(BaseModel):
    """A file to fetch: where it goes below what is added, and what it must come to."""

    model_config = ConfigDict(frozen=True)

    name: str
    url: str
    bytes: int | None = None
    sha256: str | None = None


class Said(BaseModel):
    """What a source says of what it has, which goes before what a file says of itself."""

    model_config = ConfigDict(frozen=True)

    title: str = ""
    description: str = ""
    licence: str = ""
    triggers: list[str] = Field(default_factory=list[str])


class Plan(BaseModel):
    """Files of one model or add-on. `folder` is whether they lie together in a folder of their own;
    `upload` is that of the one file which a client has sent."""

    model_config = ConfigDict(frozen=True)

    source: str
    name: str
    files: list[PlannedFile]
    said: Said = Field(default_factory=Said)
    section: str | None = None
    family: str = ""
    folder: bool = False
    upload: str | None = None
    preview: str | None = None

    @property
    def total(self) -> int | None:
        """Bytes of all files; None where one's are not known."""
        sizes = [each.bytes for each in self.files]
        return None if None in sizes else sum(size or 0 for size in sizes)


def safe_name(name: str) -> str:
    """A relative path as a source names it, if it is one that stays where it is put.

    Raises NotAddable for any other: names come from strangers.
    """
    path = PurePosixPath(name)
    parts = path.parts
    plain = all(re.fullmatch(r"[\w .()\[\]+,@=-]{1,150}", part) for part in parts)
    if not parts or path.is_absolute() or not plain or any(part.startswith(".") for part in parts):
        raise NotAddable(f"a file of it has a name that none may have here: {name[:80]!r}")
    return str(path)


def refuse_pickle(name: str) -> None:
    """Raises NotAddable for a file whose format runs code."""
    if name.lower().endswith(PICKLED):
        raise NotAddable(
            say(
                "pickle",
                "{name} is a pickle, which can run any code when it is opened; Darkroom loads"
                " .safetensors only. Many models are shared in both formats.",
                name=name,
            )
        )
