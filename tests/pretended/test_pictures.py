"""Every family and kind on a pretended GPU: nothing is mixed, and nobody waits for it in vain."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.engine.helpers import Shelf, drain
from tests.pretended import models
from tests.pretended.accelerator.cuda import pretended_cuda
from tests.pretended.accelerator.device import Pretended
from tests.pretended.accelerator.record import Event
from tests.tiny.pipelines.editors import EDITORS
from worker.engine import Engine, FreeU, ImageRequest, Region
from worker.engine.sampling.recipes import SAMPLERS
from worker.engine.task import Stage

Folder = Callable[[str], Path]

PICTURE = 0
"""Waits of a picture, whatever its steps: its pixels, and with them whether they are numbers, come
to the host by themselves, beside the steps of others."""

PREVIEW = 1
"""Waits of a preview: its latents come to the host."""

PADDED = {"pixart-sigma": 1, "chroma": 1, "flux2": 2, "flux2-klein": 2, "hidream": 3}
"""Waits of a text that was never read: where an encoder is told what its text was filled up with,
transformers asks the device whether that is nothing, of those that look back twice."""

DIFFUSERS = (
    "diffusers/models/transformers/transformer_chroma.py:",
    "transformer_hidream_image.py:",
)
"""Where diffusers' own forwards wait: Chroma sends a row of zeros, and HiDream asks in each layer
how many tokens each of its experts has."""

IN_RANGE = "a number read at worker/engine/parts/autoencoder.py"
"""Beside these in float16: whether the autoencoder left its range, once a decode and twice an
encode, because then it works in float32 instead."""

DTYPES = ("float16", "bfloat16")

SHOWN_OTHERWISE = ("fill", "cosxl-edit")
"""The one is shown a mask, the other runs whole."""

FAMILIES = [*models.TRANSFORMERS, *models.UNETS]

slow = pytest.mark.slow


@pytest.fixture
def device() -> Iterator[Pretended]:
    with pretended_cuda() as device:
        yield device


def warmed(device: Pretended, family: str, folder: Path, dtype: str, **entry: Any) -> Engine:
    """An engine that has made a picture: what is brought to the device once for all is there."""
    engine = Engine(Shelf(models.load(family, folder, dtype, **entry)))
    made(engine, models.request(family, models.kinds(family)[0]))
    assert not device.record.mixes
    device.record.clear()
    return engine


def made(engine: Engine, request: ImageRequest) -> None:
    engine.add("one", request)
    done = drain(engine)["one"]
    assert done.error is None, done.error
    assert done.image is not None
    assert done.image.std() > 0


def check(device: Pretended, waits: int) -> None:
    """So many waits were recorded, and no mixes; begins anew."""
    record = device.record
    assert record.operations
    assert not record.mixes, "\n".join(map(str, record.mixes))
    found = [
        str(wait)
        for wait in record.waits
        if not str(wait).startswith(IN_RANGE) and not _of_diffusers(wait)
    ]
    assert len(found) == waits, "\n".join(found)
    record.clear()


def _of_diffusers(wait: Event) -> bool:
    # The first forward of a shape is watched, by which it seems to be the watcher that waits.
    return any(each in place for each in DIFFUSERS for place in wait.where[:2])


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        ("sd1", "inpaint"),
        pytest.param("flux", "text-to-image", marks=slow),
        pytest.param("lumina2", "hires", marks=slow),
    ],
)
def test_a_picture_makes_nobody_wait(device: Pretended, folder: Folder, family: str, kind: str):
    engine = warmed(device, family, folder(family), "bfloat16")
    made(engine, models.request(family, kind))
    check(device, PICTURE)


@slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_kind_of_picture_of_every_family_makes_nobody_wait(
    device: Pretended, folder: Folder, family: str, dtype: str
):
    engine = warmed(device, family, folder(family), dtype)
    for kind in models.kinds(family):
        request = models.request(family, kind)
        made(engine, request)
        check(device, PICTURE)
        made(engine, replace(request, steps=9, exact=True))
        check(device, PICTURE)
    made(engine, replace(models.request(family, models.kinds(family)[0]), prompt="a (new:1.2) one"))
    check(device, PICTURE + PADDED.get(family, 0))


@pytest.mark.parametrize(
    ("family", "sampler"),
    [pytest.param("sd1", name, marks=() if name == "unipc" else slow) for name in SAMPLERS]
    + [
        pytest.param("sd3", name, marks=slow)
        for name, recipe in SAMPLERS.items()
        if recipe.flow is not None
    ],
)
def test_no_sampler_waits_at_a_step(device: Pretended, folder: Folder, family: str, sampler: str):
    engine = warmed(device, family, folder(family), "float16")
    for steps in (6, 12):
        made(engine, models.request(family, sampler=sampler, steps=steps))
        check(device, PICTURE)


@pytest.mark.parametrize("dtype", ["float16", pytest.param("bfloat16", marks=slow)])
@pytest.mark.parametrize("family", ["sd1", pytest.param("sdxl", marks=slow)])
def test_what_a_picture_adds_to_a_unet_makes_nobody_wait(
    device: Pretended,
    folder: Folder,
    add_ons: Callable[[str], models.AddOns],
    family: str,
    dtype: str,
):
    beside = add_ons(family)
    model = models.load(family, folder(family), dtype)
    engine = Engine(models.shelf_with(model, beside, getattr(torch, dtype)))
    device.record.clear()
    made(engine, models.with_all(family))
    check(device, PICTURE)


STEERING: dict[str, dict[str, Any]] = {
    "regions": {"regions": (Region("a cat", np.full((16, 16), 200, np.uint8), 0.7),)},
    "tiling": {"tiling": "x"},
    "freeu": {"freeu": FreeU(1.2, 1.4, 0.9, 0.2), "pag_scale": 3.0},
    "cfg_plus_plus": {"cfg_plus_plus": True, "sampler": "ddim"},
}


@pytest.mark.parametrize("dtype", ["float16", pytest.param("bfloat16", marks=slow)])
@pytest.mark.slow
def test_what_steers_the_steps_of_a_unet_makes_nobody_wait(
    device: Pretended, folder: Folder, dtype: str
):
    engine = warmed(device, "sd1", folder("sd1"), dtype)
    plain = models.request("sd1", "text-to-image")
    for number, asked in enumerate(STEERING.values()):
        engine.add(str(number), replace(plain, **asked))
    engine.add("plain", plain)
    for done in drain(engine).values():
        assert done.error is None, done.error
    check(device, PICTURE * (len(STEERING) + 1))


@pytest.mark.parametrize("tiny", [False, pytest.param(True, marks=slow)])
def test_a_preview_waits_once(
    device: Pretended, folder: Folder, add_ons: Callable[[str], models.AddOns], tiny: bool
):
    entry = {"tiny_vae": str(add_ons("sd1").tiny_vae)} if tiny else {}
    engine = warmed(device, "sd1", folder("sd1"), "float16", **entry)
    engine.add("one", models.request("sd1"))
    shown = 0
    while not engine.step():
        shown += engine.preview("one") is not None
    # After each of its steps, and while it is decoded.
    assert shown == 5
    check(device, PICTURE + shown * PREVIEW)


def test_a_picture_is_decoded_while_others_go_on(device: Pretended, folder: Folder):
    engine = warmed(device, "sd1", folder("sd1"), "bfloat16")
    engine.add("short", models.request("sd1", steps=2))
    engine.add("long", models.request("sd1", steps=8))
    device.lag = 3
    steps: list[int] = []
    done: list[str] = []
    while not done:
        done = [each.task_id for each in engine.step()]
        if "short" not in done and engine.progress("short").stage is Stage.DECODE:
            steps.append(engine.progress("long").step)
    assert done == ["short"]
    # It was begun at once, and the other one's steps did not wait for its end.
    assert steps[-1] >= steps[0] + 3
    assert drain(engine)["long"].error is None
    check(device, 2 * PICTURE)


@slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name in EDITORS if name not in SHOWN_OTHERWISE])
def test_edited_pictures_mix_nothing_and_no_step_waits(
    device: Pretended, tmp_path: Path, name: str, dtype: str
):
    engine = Engine(Shelf(models.load(name, EDITORS[name](tmp_path / name), dtype)))
    shown = models.picture()
    asked = models.request(name, image=shown, references=(shown,))
    waits: list[int] = []
    for steps in (4, 8):
        made(engine, replace(asked, steps=steps))
        assert not device.record.mixes, "\n".join(map(str, device.record.mixes))
        waits.append(len(device.record.waits))
        device.record.clear()
    # What the first reads and is shown for the first time is kept for the second.
    assert waits[1] <= waits[0]
    made(engine, replace(asked, steps=12))
    assert len(device.record.waits) == waits[1]


@slow
@pytest.mark.parametrize("family", FAMILIES)
def test_parts_that_visit_the_device_mix_nothing(device: Pretended, folder: Folder, family: str):
    engine = warmed(device, family, folder(family), "bfloat16", offload="always")
    for kind in models.kinds(family):
        made(engine, models.request(family, kind))
        assert not device.record.mixes, "\n".join(map(str, device.record.mixes))
