"""The store while its catalogue changes: what is held stays what it is."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.running.waiting import until
from worker.engine.errors import NoLongerOffered
from worker.models.catalogue import Catalogue, read_catalogue
from worker.models.folders.look import mark_of
from worker.models.store.model_store import ModelStore

CPU = torch.device("cpu")


@pytest.fixture
def catalogue(tmp_path: Path, tiny_folder: Path) -> Catalogue:
    tables = [f'[models.{name}]\nsource = "{tiny_folder}"\n' for name in ("a", "b")]
    (tmp_path / "models.toml").write_text("".join(tables))
    return read_catalogue(tmp_path / "models.toml")


def marks(catalogue: Catalogue) -> dict[str, object]:
    return {entry.where: mark_of(entry) for entry in catalogue.everything}


@pytest.fixture
def store(catalogue: Catalogue) -> Iterator[ModelStore]:
    opened = ModelStore(catalogue, CPU, marks=marks(catalogue))
    yield opened
    opened.close()


def test_a_removed_model_stays_for_who_holds_it_and_is_given_to_nobody_else(
    store: ModelStore, catalogue: Catalogue
):
    store.preload("b")
    held = store.get("b")
    less = replace(catalogue, entries={"a": catalogue["a"]})
    store.follow(less, marks(less))
    with pytest.raises(NoLongerOffered, match="model: the model 'b' was removed"):
        store.get("b")
    assert held is not None
    assert held.name == "b"
    assert store.changes() == [("b", False)]


def test_a_changed_model_is_loaded_when_the_last_picture_of_the_old_one_is_done(
    store: ModelStore, catalogue: Catalogue
):
    store.preload("a")
    old = store.get("a")
    entries = {**catalogue.entries, "a": catalogue["a"].model_copy(update={"dtype": "bfloat16"})}
    other = replace(catalogue, entries=entries)
    for name in ("a", "b"):
        # Said by models.toml, which a copy does not know of.
        other.entries[name].model_fields_set.add("dtype")
    store.follow(other, marks(other))
    assert store.get("a") is None
    assert store.get("b") is None, "it is asked for behind the one that waits"
    until(lambda: store.get("b"))
    assert store.get("a") is None, "others are loaded meanwhile, and it is not"
    del old
    gc.collect()
    until(lambda: store.get("a"))
    found = store.get("a")
    assert found is not None
    assert found.dtype == torch.bfloat16


def test_a_pinned_model_is_loaded_and_one_that_is_unloaded_comes_back_when_asked_for(
    store: ModelStore,
):
    store.pin(["b"])
    until(lambda: store.warm() == ["b"])
    store.pin([])
    store.get("b")
    store.unload("b")
    gc.collect()
    until(lambda: store.tidy() or store.warm() == [])
    store.load("b")
    until(lambda: store.warm() == ["b"])
