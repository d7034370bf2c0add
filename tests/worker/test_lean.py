"""A worker's libraries come without what nothing here uses; what is put off comes when asked."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.running.processes.program import run_text
from worker import lean

NAME = "darkroom_put_off"


@pytest.fixture
def put_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[lean.Later]:
    """A module that leaves a mark when it is imported, and what stands for it."""
    (tmp_path / f"{NAME}.py").write_text("import sys\nsys.darkroom_imported = True\nvalue = 7\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "darkroom_imported", False, raising=False)
    sys.modules[NAME] = later = lean.Later(NAME)
    yield later
    del sys.modules[NAME]


def test_what_is_put_off_is_imported_when_something_of_it_is_asked_for(put_off: lean.Later):
    import darkroom_put_off  # pyright: ignore[reportMissingImports]

    assert darkroom_put_off is put_off
    assert not hasattr(put_off, "__file__")
    assert not sys.darkroom_imported  # pyright: ignore[reportAttributeAccessIssue]
    assert put_off.value == 7
    assert sys.modules[NAME] is not put_off
    with pytest.raises(AttributeError):
        _ = put_off.nothing


@pytest.mark.parametrize("name", ["part", "other"])
def test_a_module_of_what_is_put_off_is_imported_with_it_and_once(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    above, whole = f"darkroom_{name}", f"darkroom_{name}.whole"
    folder = tmp_path / above / "whole"
    folder.mkdir(parents=True)
    # As torch's compiler: it imports its modules, and they need it.
    (tmp_path / above / "__init__.py").touch()
    (folder / "__init__.py").write_text(f"from {whole} import part\nready = True\n")
    (folder / "part.py").write_text(f"import {whole} as whole\nwhole.runs = [*whole.__dict__]\n")
    (folder / "other.py").write_text(f"from {whole} import ready\n")
    monkeypatch.syspath_prepend(tmp_path)
    lean.find_within()
    monkeypatch.setitem(sys.modules, whole, lean.Later(whole))
    module = importlib.import_module(f"{whole}.{name}")
    there: Any = sys.modules[whole]
    assert there.ready
    assert "part" not in there.runs, "ran once"
    assert getattr(there, name) is module
    assert module.__spec__ is not None
    assert module.__spec__.origin == str(folder / f"{name}.py")


def test_the_rest_is_imported_once(put_off: lean.Later, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lean, "LATER", (NAME,))
    lean.bring_in_rest()
    there = sys.modules[NAME]
    assert there is not put_off
    lean.bring_in_rest()
    assert sys.modules[NAME] is there


def test_a_worker_has_neither_a_compiler_nor_what_trains_on_many_machines():
    # What all workers of these tests are forked from has been brought in as one brings it in.
    said = run_text("tests.running.processes.modules", environment=dict(os.environ))
    there = set(said.stdout.split())
    assert "worker.build" in there, said.stderr
    assert not there & {"torch._dynamo.eval_frame", "torch.distributed.tensor", "sympy"}
