"""Text encoders that are dropped when they have read, and what they made, on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.helpers import Shelf, pictures
from tests.tiny.models import save_tiny
from tests.tiny.pipelines.pipelines import save_tiny_flux, save_tiny_pixart
from worker.engine import Engine, ImageRequest, KeptEmbeddings, ModelUnavailable
from worker.models.loading.loader import load_model
from worker.models.loading.memory.sizes import model_bytes
from worker.models.tables import ModelEntry

CPU = torch.device("cpu")


@pytest.fixture(scope="module", params=["flux", "sdxl"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("dropped") / request.param
    return save_tiny_flux(root) if request.param == "flux" else save_tiny("sdxl", root)


@pytest.fixture
def kept(tmp_path: Path) -> KeptEmbeddings:
    return KeptEmbeddings(tmp_path / "embeddings", 10**6)


def model_of(folder: Path, kept: KeptEmbeddings | None = None, **entry: Any) -> Any:
    table = ModelEntry(name="m", base=folder, source=str(folder), **entry)
    return load_model(table, CPU, kept=kept)


def asked(**fields: Any) -> ImageRequest:
    fields = {"prompt": "a (red:1.2) apple", "seed": 1, "guidance_scale": 3.0} | fields
    return ImageRequest(
        model="m",
        negative_prompt="flat",
        width=16,
        height=16,
        steps=2,
        sampler="euler",
        true_cfg_scale=2.0,
        **fields,
    )


def test_pictures_are_the_same_and_memory_is_given_back(folder: Path, kept: KeptEmbeddings):
    whole, dropped = model_of(folder), model_of(folder, kept, drop_text_encoders=True)
    encoders = [each._model for each in _away(dropped)]
    assert len(encoders) == 2
    others = [part for part in dropped.modules() if part not in encoders]
    rest = sum(weight.numel() * 4 for part in others for weight in part.parameters())
    assert rest <= model_bytes(dropped) < rest + 1000 < model_bytes(whole)
    requests = {f"{n}": asked(prompt=f"a (red:1.2) apple {n}", seed=n) for n in range(2)}
    engine = Engine(Shelf(dropped))
    expected, found = pictures(Engine(Shelf(whole)), **requests), pictures(engine, **requests)
    for name in requests:
        assert np.array_equal(found[name].image, expected[name].image)
    assert all(each.device.type == "meta" for one in encoders for each in one.parameters())
    assert rest <= model_bytes(dropped) < rest + 1000


def test_a_text_that_was_read_before_needs_no_text_encoder(folder: Path, kept: KeptEmbeddings):
    before = pictures(Engine(Shelf(model_of(folder, kept, drop_text_encoders=True))), one=asked())
    fresh = model_of(folder, kept, drop_text_encoders=True)
    for each in _away(fresh):
        each.bring = _never
    done = pictures(Engine(Shelf(fresh)), one=asked(seed=1), new=asked(prompt="a green heart"))
    assert np.array_equal(done["one"].image, before["one"].image)
    assert str(done["new"].error) == "read from disk"


def test_another_files_weights_have_other_embeddings(
    folder: Path, kept: KeptEmbeddings, tmp_path: Path
):
    pictures(Engine(Shelf(model_of(folder, kept, drop_text_encoders=True))), one=asked())
    files = sorted((tmp_path / "embeddings").iterdir())
    weights = folder / "text_encoder" / "model.safetensors"
    weights.touch()
    pictures(Engine(Shelf(model_of(folder, kept, drop_text_encoders=True))), one=asked())
    assert len(list((tmp_path / "embeddings").iterdir())) > len(files)


def test_what_is_kept_is_bounded_and_a_broken_file_is_read_anew(tmp_path: Path):
    kept = KeptEmbeddings(tmp_path, 3000)
    for number in range(5):
        kept.put("one", number, {"hidden": torch.full((200,), float(number))})
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 3000
    found = kept.get("one", 4)
    assert found is not None
    assert torch.equal(found["hidden"], torch.full((200,), 4.0))
    assert kept.get("one", 0) is None
    assert kept.get("another", 4) is None
    for file in tmp_path.iterdir():
        file.write_bytes(b"broken")
    assert kept.get("one", 4) is None
    kept.put("one", 4, {"hidden": torch.ones(3)})
    assert kept.get("one", 4) is not None


def test_text_encoders_that_are_not_in_files_of_their_own_are_not_dropped(
    tmp_path: Path, kept: KeptEmbeddings
):
    folder = save_tiny_pixart(tmp_path / "whole")
    with pytest.raises(ModelUnavailable, match="drop_text_encoders: the text encoders of m stay"):
        model_of(folder, kept, drop_text_encoders=True)


def _away(model: Any) -> list[Any]:
    return list(model._visits._away)


def _never() -> None:
    raise RuntimeError("read from disk")
