import os

# A thread that spins for a core which another process has makes a step 20 times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from pathlib import Path

import pytest

from tests.engine.helpers import Shelf, load
from tests.tiny.model import save_tiny_model
from worker.engine import Engine, UNetModel

MODELS = Path(__file__).parents[2] / "models"


@pytest.fixture(scope="session")
def shipped_folder() -> Path:
    return MODELS / "emoji"


@pytest.fixture(scope="session")
def shipped_model(shipped_folder: Path) -> UNetModel:
    return load("shipped", shipped_folder)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def tiny_model(tiny_folder: Path) -> UNetModel:
    return load("tiny", tiny_folder)


@pytest.fixture
def engine(tiny_model: UNetModel) -> Engine:
    return Engine(Shelf(tiny_model))
