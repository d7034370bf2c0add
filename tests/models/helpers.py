"""What the models' tests share: catalogues, folders that are broken on purpose, a hub cache."""

import json
import shutil
from pathlib import Path
from typing import Any, Protocol

import pytest

from worker.models.catalogue import Catalogue
from worker.models.files.architecture import read_architecture
from worker.models.files.errors import SourceError
from worker.models.files.sources import locate

REPOSITORY = Path(__file__).parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class WriteModels(Protocol):
    def __call__(self, **tables: dict[str, object]) -> Catalogue: ...


def catalogue_text(**tables: dict[str, object]) -> str:
    """A models.toml with these tables. JSON's strings and numbers are TOML's as well."""
    lines = [
        line
        for name, table in tables.items()
        for line in (f"[models.{name}]", *(f"{k} = {json.dumps(v)}" for k, v in table.items()))
    ]
    return "\n".join(lines) + "\n"


def copy_model(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to))


def edit_json(file: Path, **fields: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def fill_hub_cache(cache: Path, hub_id: str, folder: Path, revision: str = "main") -> Path:
    """Lays a model into a hub cache as a finished download leaves it."""
    repository = cache / f"models--{hub_id.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True, exist_ok=True)
    (repository / "refs" / revision).write_text(COMMIT)
    return copy_model(folder, repository / "snapshots" / COMMIT)


def refusal(write_models: WriteModels, **table: object) -> str:
    """Why a model with this table cannot be used."""
    entry = write_models(m=table)["m"]
    with pytest.raises(SourceError) as raised:
        read_architecture("m", locate(entry))
    return str(raised.value)
