"""LoRAs in the store: loaded beside their model, under the same budget, never in its place."""

import gc
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from tests.models.helpers import copy_model
from worker.engine import ModelUnavailable
from worker.engine.parts.lora import LoraWeights
from worker.models.catalogue import Catalogue, read_catalogue
from worker.models.files.sources import locate
from worker.models.store.model_store import ModelStore

CPU = torch.device("cpu")
LAYER = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
RANK = 2000
LORA_BYTES = 4 * RANK * (32 + 32)
"""As large as half the tiny model, so that what fits beside it can be counted."""


@pytest.fixture
def catalogue(tmp_path: Path, tiny_folder: Path) -> Catalogue:
    copy_model(tiny_folder, tmp_path / "tiny")
    weights = {
        f"{LAYER}.lora_down.weight": torch.zeros(RANK, 32),
        f"{LAYER}.lora_up.weight": torch.zeros(32, RANK),
    }
    lines = ['[models.a]\nsource = "tiny"\n[models.b]\nsource = "tiny"\n']
    for name in ("x", "y", "z"):
        safetensors.torch.save_file(weights, tmp_path / f"{name}.safetensors")
        lines.append(f'[loras.{name}]\nsource = "{name}.safetensors"\n')
    lines.append('[loras.late]\nsource = "late.safetensors"\n')
    (tmp_path / "models.toml").write_text("".join(lines))
    return read_catalogue(tmp_path / "models.toml")


@pytest.fixture
def model_bytes(catalogue: Catalogue) -> int:
    return 4 * locate(catalogue["a"]).parameters()


def opened(catalogue: Catalogue, limit: float | None = None) -> ModelStore:
    return ModelStore(catalogue, CPU, limit_bytes=int(limit) if limit else None, turn_s=0.3)


@pytest.fixture
def store(catalogue: Catalogue) -> Iterator[ModelStore]:
    store = opened(catalogue)
    yield store
    store.close()


def wanted(store: ModelStore, model: str, *loras: str, seconds: float = 20) -> list[Any]:
    """Asks for a model and its LoRAs as the engine does for one picture, until all are there."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        there = [store.get(model), *(store.add_on("lora", name, model) for name in loras)]
        if None not in there:
            return there
        del there
        time.sleep(0.01)
    raise TimeoutError(f"{model} {loras}")


def test_a_lora_is_loaded_in_the_background_and_shared_by_models_of_one_format(store: ModelStore):
    assert store.add_on("lora", "x", "a") is None
    _, lora = wanted(store, "a", "x")
    assert isinstance(lora, LoraWeights)
    assert lora.bytes == LORA_BYTES
    assert store.add_on("lora", "x", "b") is lora
    assert store.warm() == ["a"]
    assert store.loading("x", "lora") is None


def test_an_unknown_lora_is_refused_with_the_names_there_are(store: ModelStore):
    with pytest.raises(ModelUnavailable, match="loras: no LoRA is named 'q'; there are x, y, z"):
        store.add_on("lora", "q", "a")
    with pytest.raises(ModelUnavailable, match="no upscaler is named 'q'; there are none"):
        store.add_on("upscaler", "q", "a")


def test_a_lora_whose_file_is_gone_fails_those_who_ask_for_it_and_nobody_else(store: ModelStore):
    with pytest.raises(ModelUnavailable, match=r"late\.safetensors"):
        wanted(store, "a", "late")
    assert wanted(store, "a", "x")


def test_a_lora_makes_room_among_loras_that_nobody_wants_with_it(
    catalogue: Catalogue, model_bytes: int
):
    store = opened(catalogue, model_bytes + 1.5 * LORA_BYTES)
    model, lora = wanted(store, "a", "x")
    gone = weakref.ref(lora)
    del lora
    time.sleep(2.1)
    held = wanted(store, "a", "y")
    gc.collect()
    assert gone() is None
    assert held[0] is model
    store.close()


def test_a_picture_gets_a_model_and_two_loras_in_the_place_of_another_model(
    catalogue: Catalogue, model_bytes: int
):
    store = opened(catalogue, model_bytes + 2.5 * LORA_BYTES)
    store.preload("b")
    assert [each.name for each in wanted(store, "a", "x", "y")] == ["a", "x", "y"]
    assert store.warm() == ["a"]
    store.close()


def test_what_cannot_lie_beside_its_model_is_refused_and_not_tried_for_ever(
    catalogue: Catalogue, model_bytes: int
):
    store = opened(catalogue, model_bytes + 1.5 * LORA_BYTES)
    with pytest.raises(ModelUnavailable, match=r"loras: [xy] needs .* GB .* beside"):
        wanted(store, "a", "x", "y")
    assert store.warm() == ["a"]
    store.close()


def test_a_lora_does_not_wait_behind_a_model_that_finds_no_room(
    catalogue: Catalogue, model_bytes: int
):
    store = ModelStore(catalogue, CPU, limit_bytes=int(model_bytes + 2.5 * LORA_BYTES), turn_s=60)
    held = wanted(store, "a")
    assert store.get("b") is None
    time.sleep(0.3)
    assert wanted(store, "a", "x", seconds=10)[0] is held[0]
    held.clear()
    store.close()
