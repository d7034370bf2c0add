"""What there is to load at present, and what was removed: by the names that requests send."""

from __future__ import annotations

from collections.abc import Mapping

from worker.engine.errors import ModelUnavailable, NoLongerOffered
from worker.models.catalogue import Catalogue
from worker.models.folders.look import mark_of
from worker.models.store.shelf import WORDS, Key, Kind, Mark
from worker.models.tables import AddOnEntry, ModelEntry

SECTIONS: dict[Kind, str] = {
    "model": "models",
    "lora": "loras",
    "controlnet": "controlnets",
    "ip-adapter": "ip_adapters",
    "upscaler": "upscalers",
    "vae": "vaes",
    "face-restorer": "face_restorers",
}
"""The tables of models.toml that name each."""

WHERE: dict[Kind, str] = {
    "model": "model",
    "lora": "loras",
    "controlnet": "controls",
    "ip-adapter": "ip_adapters",
    "upscaler": "upscaler",
    "vae": "vae",
    "face-restorer": "restore_faces",
}
"""The field of a request that names each."""

GONE: Mark = "gone"
"""The mark of what is not there: nothing is ever loaded from it."""


class Known:
    """The catalogue of the moment. `marks` has for each table, such as `models.emoji`, what its
    weights are loaded from. Threads that share it hold one lock between them."""

    def __init__(self, catalogue: Catalogue, marks: Mapping[str, Mark] | None = None) -> None:
        self._at: tuple[Catalogue, Mapping[str, Mark]] = catalogue, marks or {}
        self._removed: set[tuple[Kind, str]] = set()

    def follow(self, catalogue: Catalogue, marks: Mapping[str, Mark]) -> list[str]:
        """Takes another catalogue's place; returns the models whose weights are others now, or
        are gone."""
        (old, before), self._at = self._at, (catalogue, marks)
        for kind in SECTIONS:
            was, now = _tables(old, kind).keys(), _tables(catalogue, kind).keys()
            self._removed |= {(kind, name) for name in was - now}
            self._removed -= {(kind, name) for name in now}
        return [
            name
            for name in old.entries
            if before.get(f"models.{name}", ()) != self.mark(Key("model", name))
        ]

    def mark(self, key: Key) -> Mark:
        """What a thing's weights are loaded from; GONE for one that is not there."""
        catalogue, marks = self._at
        if key.name not in _tables(catalogue, key.kind):
            return GONE
        return marks.get(f"{SECTIONS[key.kind]}.{key.name}", ())

    def is_settled(self, key: Key) -> bool:
        """Whether the files are those that the catalogue was made from, and not being changed.

        Looks at the disk, so it is not to be asked under the lock.
        """
        where = f"{SECTIONS[key.kind]}.{key.name}"
        catalogue, marks = self._at
        entry = _tables(catalogue, key.kind).get(key.name)
        if entry is None or where not in marks:
            return True
        return mark_of(entry) == marks[where]

    def model(self, name: str) -> ModelEntry:
        """The entry of a model. Raises as `check` does."""
        self.check(Key("model", name))
        return self._at[0][name]

    def add_on(self, key: Key) -> AddOnEntry:
        """The entry of an add-on. Raises as `check` does."""
        self.check(key)
        entry = _tables(self._at[0], key.kind)[key.name]
        if not isinstance(entry, AddOnEntry):
            raise TypeError(f"{key} is no add-on.")
        return entry

    def check(self, key: Key) -> None:
        """Raises NoLongerOffered for what was removed, ModelUnavailable for what never was there;
        either says what the request names."""
        tables = _tables(self._at[0], key.kind)
        if key.name in tables:
            return
        if (key.kind, key.name) in self._removed:
            raise NoLongerOffered(
                f"{WHERE[key.kind]}: the {WORDS[key.kind]} {key.name!r} was removed from this"
                " server."
            )
        raise ModelUnavailable(
            f"{WHERE[key.kind]}: no {WORDS[key.kind]} is named {key.name!r}; there are"
            f" {', '.join(tables) or 'none'}."
        )


def _tables(catalogue: Catalogue, kind: Kind) -> Mapping[str, ModelEntry | AddOnEntry]:
    tables: dict[Kind, Mapping[str, ModelEntry | AddOnEntry]] = {
        "model": catalogue.entries,
        "lora": catalogue.loras,
        "controlnet": catalogue.controlnets,
        "ip-adapter": catalogue.ip_adapters,
        "upscaler": catalogue.upscalers,
        "vae": catalogue.vaes,
        "face-restorer": catalogue.face_restorers,
    }
    return tables[kind]
