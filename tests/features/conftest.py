"""Collects which cells of the feature tables passed, and writes the page: `make features`."""

from __future__ import annotations

import os

# A thread that spins for a core which another process has makes a step 20 times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.features.development import FamilyStudio, open_family
from tests.features.table import PASSED, Cell, read_page, write_page
from tests.tiny.models import save_tiny
from tests.tiny.pipelines.pipelines import SAVERS

RESULTS = pytest.StashKey[dict[Cell, bool]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-features", type=Path, help="file for the page of what passed")
    parser.addoption(
        "--keep-features", action="store_true", help="leave on the page what is not run"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RESULTS] = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    cell = getattr(item, "callspec", None) and item.callspec.params.get("cell")
    if isinstance(cell, Cell) and report.when == "call":
        item.config.stash[RESULTS][cell] = report.passed
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    target: Path | None = session.config.getoption("--write-features", None)
    if target is not None:
        before: dict[Cell, bool] = {}
        if session.config.getoption("--keep-features"):
            before = {cell: said == PASSED for cell, said in read_page(target).items()}
        write_page(target, before | session.config.stash[RESULTS])


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a tiny model of each family, made when it is asked for."""
    home = tmp_path_factory.mktemp("families")

    def save(family: str) -> Path:
        transformer = SAVERS.get(family)
        return transformer(home / family) if transformer else save_tiny(family, home / family)

    return cache(save)


@pytest.fixture(scope="session")
def studio(folder: Callable[[str], Path]) -> Callable[[str], FamilyStudio]:
    """A studio with the tiny model of a family, opened when it is asked for."""
    return cache(lambda family: open_family(family, folder))
