import threading
from pathlib import Path
from typing import Any

import pytest

from tests.engine.whole.helpers import SAVERS, whole
from tests.running.waiting import until
from worker.engine.whole.pipeline import WholeModel


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("whole")
    return {name: save(root / name) for name, save in SAVERS.items()}


@pytest.fixture(scope="session")
def models(folders: dict[str, Path]) -> dict[str, WholeModel]:
    return {name: whole(folder) for name, folder in folders.items()}


@pytest.fixture(params=sorted(SAVERS))
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def model(models: dict[str, WholeModel]) -> WholeModel:
    return models["sd3"]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Any:
    before = set(threading.enumerate())
    yield
    # Those that read a file's weights end a moment after they have.
    until(lambda: set(threading.enumerate()) <= before, 10)
