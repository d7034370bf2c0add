"""What lies in main memory comes to the device for its turn, and pictures are the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.engine.helpers import Shelf, pictures
from tests.pretended import models
from tests.pretended.accelerator.cuda import pretended_cuda
from worker.engine import Engine
from worker.models.loading.memory.sizes import model_bytes

Folder = Callable[[str], Path]

SLOW = pytest.mark.slow


def made(folder: Path, family: str, offload: str) -> tuple[dict[str, np.ndarray], int]:
    """Pictures of several kinds at once; and the bytes of weights that rest on the device."""
    with pretended_cuda() as device:
        model = models.load(family, folder, "float32", offload=offload)
        resting = device.memory.used[0]
        # What the worker's accounts say that it takes.
        assert resting <= model_bytes(model)
        engine = Engine(Shelf(model))
        kinds = models.kinds(family)[:2]
        asked = {kind: models.request(family, kind, steps=2) for kind in kinds}
        done = pictures(engine, **asked)
        assert not device.record.mixes, "\n".join(map(str, device.record.mixes))
        found: dict[str, np.ndarray] = {}
        for kind in kinds:
            image = done[kind].image
            assert image is not None, done[kind].error
            found[kind] = image
        return found, resting


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(each, marks=() if each == "sd1" else SLOW)
        for each in ("sd1", "sdxl", *models.TRANSFORMERS)
    ],
)
@pytest.mark.slow
def test_the_less_lies_on_the_device_the_less_it_takes(folder: Folder, family: str):
    whole, resting = made(folder(family), family, "never")
    before = resting
    for offload in ("always", "model", "group"):
        found, resting = made(folder(family), family, offload)
        for kind, picture in whole.items():
            assert np.array_equal(found[kind], picture), (offload, kind)
        # A layer's buffers may lie there in groups, and none of the weights.
        assert resting < before or resting < 1000
        before = resting
