"""Every family whose network can be compiled predicts the same with it, at any number of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engine.helpers import Shelf, pictures, tiny
from tests.tiny.models import save_tiny
from tests.tiny.pipelines.pipelines import SAVERS
from worker.engine import Engine, LoadedModel
from worker.engine.backends.call import Call
from worker.engine.backends.network import Network, standing_in
from worker.engine.backends.openvino import ConvertedNetwork
from worker.models.loading.loader import load_model
from worker.models.tables import ModelEntry

pytest.importorskip("openvino", reason="OpenVINO is not installed: `make up` does on x86-64")
pytestmark = pytest.mark.slow


NUMBERS = count()

DECODED_PLAIN = ("qwen-image",)
"""Families whose decoder has an operation that OpenVINO does not know."""


def saver(family: str) -> Callable[[Path], Path]:
    return SAVERS.get(family) or (lambda folder: save_tiny(family, folder))


def calls_of(model: LoadedModel, networks: Sequence[Network]) -> list[Call]:
    """How the networks are called for three pictures at once."""
    seen: list[Call] = []

    def watch(_: Network, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        call = Call.of(args, kwargs)
        assert call is not None
        seen.append(call)

    # Words of its own: what was read before is remembered.
    asked = tiny(prompt=f"apple {next(NUMBERS)}", width=64, height=64, sampler="euler", steps=2)
    with standing_in(networks, watch):
        pictures(Engine(Shelf(model)), **{str(n): replace(asked, seed=n) for n in range(3)})
    return seen


@pytest.mark.timeout(600)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    "family",
    [
        "sd1",
        "sd2",
        "lcm",
        "sdxl",
        "sd3",
        "pixart-sigma",
        "sana",
        "flux",
        "chroma",
        "flux2",
        "qwen-image",
        "z-image",
    ],
)
def test_a_family_predicts_the_same_compiled(family: str, dtype: str, tmp_path: Path):
    source = saver(family)(tmp_path / "tiny")
    entry = ModelEntry(name="tiny", base=tmp_path, source=str(source), dtype=dtype)
    model = load_model(entry, torch.device("cpu"))
    assert isinstance(model, LoadedModel)
    apart = {"float32": 1e-5, "bfloat16": 6e-2}[dtype]
    decoders = () if family in DECODED_PLAIN else model.autoencoder.networks
    for network in (*model.networks, *model.text_networks, *decoders):
        last = max(calls_of(model, [network]), key=lambda call: call.rows)
        last = replace(last, tensors=[each[:3] for each in last.tensors])
        converted = ConvertedNetwork(network, last.of_rows(2))
        with torch.inference_mode():
            args, kwargs = last.arguments(last.tensors)
            right = network.eager(*args, **kwargs).float()
            # As many as there are, more, and any number.
            for rows in (last.rows, last.rows + 1, 0):
                answer = converted.compiled(rows).run(last).float()
                assert answer.shape == right.shape
                assert (answer - right).norm() <= apart * right.norm(), rows
