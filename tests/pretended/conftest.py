from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pretended import models


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Where the tiny model of a family is."""
    root = tmp_path_factory.mktemp("pretended")
    return lambda family: models.save(family, root / family)


@pytest.fixture(scope="session")
def add_ons(
    folder: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], models.AddOns]:
    """What is added to a UNet's pictures."""
    made: dict[str, models.AddOns] = {}

    def of(family: str) -> models.AddOns:
        if family not in made:
            root = tmp_path_factory.mktemp(f"beside-{family}")
            made[family] = models.save_add_ons(family, folder(family), root)
        return made[family]

    return of
