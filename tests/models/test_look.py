"""Looking again at models.toml and the folders: when a change counts, and what it means."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.models.helpers import copy_model
from tests.tiny.parts import save_tiny_lora
from worker.models.folders.look import Look, Watch

ONE = '[models.first]\nsource = "tiny"\n'


@pytest.fixture
def home(tmp_path: Path, tiny_folder: Path) -> Path:
    copy_model(tiny_folder, tmp_path / "tiny")
    (tmp_path / "models.toml").write_text(ONE)
    (tmp_path / "dropped").mkdir()
    return tmp_path


@pytest.fixture
def watch(home: Path) -> Watch:
    return Watch(home / "models.toml", (home / "dropped",))


def twice(watch: Watch) -> Look | None:
    return watch.look() or watch.look()


def test_nothing_new_is_nothing(watch: Watch):
    assert [watch.look() for _ in range(3)] == [None] * 3


def test_a_change_counts_when_two_looks_agree(watch: Watch, home: Path):
    (home / "models.toml").write_text(ONE + '[models.second]\nsource = "tiny"\n')
    assert watch.look() is None
    look = watch.look()
    assert look is not None
    assert list(look.catalogue.entries) == ["first", "second"]


def test_what_is_away_for_one_look_was_not_removed(watch: Watch, home: Path, tiny_folder: Path):
    file = save_tiny_lora(home / "dropped" / "bright.safetensors", tiny_folder)
    assert twice(watch)
    kept = file.rename(home / "kept")
    assert watch.look() is None
    kept.rename(file)
    assert watch.look() is None
    assert list(watch.now.catalogue.loras) == ["bright"]
    file.unlink()
    assert (look := twice(watch))
    assert not look.catalogue.loras


def test_a_file_that_is_written_over_is_not_removed(watch: Watch, home: Path, tiny_folder: Path):
    file = save_tiny_lora(home / "dropped" / "bright.safetensors", tiny_folder)
    first = twice(watch)
    assert first is not None
    file.write_bytes(file.read_bytes()[:-8])
    for _ in range(3):
        watch.look()
    assert list(watch.now.catalogue.loras) == ["bright"]
    assert "cut off" in watch.now.problems[0]
    assert watch.now.marks["loras.bright"] != first.marks["loras.bright"]


def test_a_title_is_no_reason_to_load_again_and_other_files_are(watch: Watch, home: Path):
    before = watch.now.marks["models.first"]
    (home / "models.toml").write_text(ONE + 'title = "Another"\n')
    assert (look := twice(watch))
    assert look.marks["models.first"] == before
    config = home / "tiny" / "scheduler" / "scheduler_config.json"
    config.write_text(config.read_text() + "\n")
    assert (look := twice(watch))
    assert look.marks["models.first"] != before


def test_a_broken_models_toml_changes_nothing_but_what_is_said(watch: Watch, home: Path):
    before = watch.now.catalogue
    (home / "models.toml").write_text("[models.first\n")
    assert (look := twice(watch))
    assert "is not TOML" in look.problems[0]
    assert look.catalogue == before
    (home / "models.toml").write_text(ONE)
    assert (look := twice(watch))
    assert look.problems == ()
