import os

# A thread that spins for a core which another process has makes a step 20 times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from pathlib import Path

import huggingface_hub.constants
import pytest

from tests.models.helpers import WriteModels, catalogue_text
from tests.tiny.model import save_tiny_model
from tests.tiny.models import FAMILIES, save_tiny
from worker.models.catalogue import read_catalogue


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def families(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny model of each family."""
    root = tmp_path_factory.mktemp("families")
    return {family: save_tiny(family, root / family) for family in FAMILIES}


@pytest.fixture
def write_models(tmp_path: Path) -> WriteModels:
    """Writes a models.toml and reads it back."""

    def write(**tables: dict[str, object]):
        file = tmp_path / "models.toml"
        file.write_text(catalogue_text(**tables))
        return read_catalogue(file)

    return write


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache, and no network: any request to the hub raises."""
    cache = tmp_path / "hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return cache
