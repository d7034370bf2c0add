"""Before a model is fetched it is said whether it fits this machine, and how it would."""

from __future__ import annotations

import json
from pathlib import Path

import psutil
import pytest

from jobs.additions.fit import Fit
from tests.adding.conftest import Counter
from tests.adding.elsewhere import Repository
from worker.models.inventory.fitting import Machine, Weights, advice, fit
from worker.models.inventory.sizes import HEADROOM

FLUX = Weights(
    {"transformer": 11_900_000_000, "text_encoder": 123_000_000, "text_encoder_2": 4_760_000_000}
    | {"vae": 84_000_000},
    quantizes=True,
)
SDXL = Weights({"unet": 2_570_000_000, "others": 900_000_000})


def card(gigabytes: float, *, torchao: bool = True, main: float = 64) -> Machine:
    return Machine(
        device="cuda:0",
        is_card=True,
        memory=int(gigabytes * 2**30),
        main_memory=int(main * 2**30),
        headroom=HEADROOM,
        packages={"int8": ("torchao", torchao), "nf4": ("bitsandbytes", False)},
    )


def large(count: int) -> bytes:
    """The beginning of a file in which a number of bytes has as many halves."""
    header = {"w": {"dtype": "F16", "shape": [count], "data_offsets": [0, 2 * count]}}
    data = json.dumps(header).encode()
    return len(data).to_bytes(8, "little") + data


def looked(counter: Counter, source: str) -> Fit:
    answer = counter.look_up(source)
    assert answer.status_code == 200, answer.text
    return Fit.model_validate(answer.json()["fit"])


def test_a_model_of_the_hub_and_a_file_say_what_they_take_before_they_come(
    counter: Counter, files: Path
):
    found = looked(counter, "someone/tiny-pictures")
    weights = sum(each.stat().st_size for each in (files / "tiny").rglob("*.safetensors"))
    # Their headers are not numbers.
    assert 0.5 * weights < 4 * found.parameters < weights
    assert found.device == "cpu"
    assert found.recommended == found.ways[0]
    assert (found.ways[0].dtype, found.ways[0].bytes) == ("float32", 4 * found.parameters)
    assert found.summary.startswith("it fits: its weights take ")
    assert found.wording is not None
    assert counter.look_up("someone/tiny-lora").json()["fit"] is None


@pytest.mark.parametrize(
    ("share", "summary", "fits"),
    [(1 / 3, 'with dtype = "bfloat16" it fits', True), (1, "it does not fit: its weights", False)],
)
def test_a_model_that_is_too_large_is_told_with_figures_and_with_what_would_help(
    counter: Counter, files: Path, share: float, summary: str, fits: bool
):
    memory = psutil.virtual_memory().total
    count = int(memory * share)
    pipeline = {"_class_name": "FluxPipeline", "transformer": ["diffusers", "Transformer"]}
    name, weights = "someone/large", "transformer/diffusion_pytorch_model.safetensors"
    counter.elsewhere.repositories[name] = Repository(
        {"model_index.json": json.dumps(pipeline).encode(), weights: large(count)},
        sizes={weights: 2 * count},
    )
    counter.elsewhere.lengths[f"someone-large-{weights}"] = 2 * count
    found = looked(counter, name)
    assert abs(found.parameters - count) < count / 1e6
    assert found.summary.startswith(summary)
    assert f"{found.memory_bytes / 1e9:.2f}".rstrip("0") in found.summary
    assert found.recommended is None or found.recommended.dtype == "bfloat16"
    assert (found.recommended is not None) == fits
    assert [each.quantize for each in found.ways] == [None, None, "int8"]


@pytest.mark.parametrize(
    ("weights", "machine", "kept"),
    [
        (SDXL, card(8), ("float16", None, None, None)),
        (SDXL, card(6.3), ("float16", None, "model", None)),
        (FLUX, card(32.5), ("bfloat16", None, "always", None)),
        (SDXL, card(4), ("float16", None, "group", None)),
        (FLUX, card(40), ("bfloat16", None, None, None)),
        (FLUX, card(24), ("bfloat16", "int8", None, None)),
        (FLUX, card(24, torchao=False), ("bfloat16", None, "model", None)),
        (FLUX, card(16), ("bfloat16", "int8", "model", None)),
        (FLUX, card(16, torchao=False), ("bfloat16", None, "group", None)),
        (FLUX, card(16, torchao=False, main=24), ("bfloat16", "int8", "model", "torchao")),
        (FLUX, card(8, main=16), None),
    ],
)
def test_the_way_that_changes_least_is_recommended(
    weights: Weights, machine: Machine, kept: tuple[str | None, ...] | None
):
    found = fit(weights, machine)
    way = found.recommended
    assert (way and (way.dtype, way.quantize, way.offload, way.package)) == kept
    assert advice(found, machine)
    if way is not None:
        assert way.bytes + HEADROOM <= machine.memory
        assert f"{way.bytes / 1e9:.2f}".rstrip("0") in found.summary
