"""The row budget, and running out of memory on purpose."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

from tests.engine.helpers import Shelf, difference, load, picture, pictures, tiny
from worker.engine import TOLERANCE, Engine, OutOfMemory, UNetModel
from worker.engine.memory.footprint import ForwardShape
from worker.engine.memory.row_budget import (
    PATIENCE,
    SAMPLES,
    START_ROWS,
    WARM_UP,
    RowBudget,
    first_rows,
)
from worker.engine.memory.stopwatch import Measurement


class SmallDevice(UNet2DConditionModel):
    """A UNet on a device that has memory for `room` rows."""

    room = 4
    sizes: list[int]

    def forward(self, sample, *args, **kwargs):
        self.sizes.append(len(sample))
        if len(sample) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return super().forward(sample, *args, **kwargs)


class SmallDecoder(AutoencoderKL):
    """An autoencoder that has memory for a small picture or a tile, not for a large picture."""

    room = 16

    def _decode(self, z, return_dict=True):
        if not self.use_tiling and z.shape[-1] * 2 > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return super()._decode(z, return_dict)


def on_a_small_device(folder, room: int) -> UNetModel:
    model = load("tiny", folder)
    small = SmallDevice.from_config(dict(model.unet.config))
    small.load_state_dict(model.unet.state_dict())
    small.room, small.sizes = room, []
    model.networks[0].module = model.unet = small.eval()
    return model


def test_out_of_memory_halves_the_forward_and_every_picture_is_the_same(tiny_folder, tiny_model):
    requests = {str(seed): tiny(seed=seed, sampler="euler_a") for seed in range(4)}
    expected = pictures(Engine(Shelf(tiny_model)), **requests)
    model = on_a_small_device(tiny_folder, room=3)
    done = pictures(Engine(Shelf(model)), **requests)
    for name in requests:
        assert done[name].error is None
        assert difference(done[name].image, expected[name].image) <= TOLERANCE
    assert sum(size > 3 for size in model.unet.sizes) <= 3


def test_a_guided_picture_runs_where_only_one_row_fits(tiny_folder, tiny_model):
    model = on_a_small_device(tiny_folder, room=1)
    one = picture(Engine(Shelf(model)), tiny())
    assert difference(one, picture(Engine(Shelf(tiny_model)), tiny())) <= TOLERANCE


def test_a_picture_whose_single_row_does_not_fit_fails_alone(tiny_folder):
    class Wide(SmallDevice):
        def forward(self, sample, *args, **kwargs):
            if sample.shape[-1] > 8:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return super().forward(sample, *args, **kwargs)

    model = on_a_small_device(tiny_folder, room=8)
    model.unet.__class__ = Wide
    done = pictures(Engine(Shelf(model)), huge=tiny(width=64, height=64), small=tiny())
    assert isinstance(done["huge"].error, OutOfMemory)
    assert "64x64 does not fit into this device's memory" in str(done["huge"].error)
    assert done["small"].error is None


def test_in_exact_mode_a_forward_that_does_not_fit_is_not_made_smaller(tiny_folder):
    model = on_a_small_device(tiny_folder, room=4)
    done = pictures(Engine(Shelf(model), exact=True, exact_rows=8), one=tiny())
    assert isinstance(done["one"].error, OutOfMemory)
    assert set(model.unet.sizes) == {8}


def test_a_row_that_makes_the_forward_raise_fails_alone(tiny_folder, tiny_model):
    class Allergic(SmallDevice):
        def forward(self, sample, *args, **kwargs):
            if (sample.abs() > 1000).any():
                raise RuntimeError("no such kernel")
            return super().forward(sample, *args, **kwargs)

    model = on_a_small_device(tiny_folder, room=64)
    model.unet.__class__ = Allergic
    engine = Engine(Shelf(model))
    for seed in range(3):
        engine.add(str(seed), tiny(seed=seed))
    for _ in range(3):
        engine.step()
    task = engine.batcher.get("1")
    assert task is not None
    assert task.latents is not None
    task.latents = task.latents + 5000
    finished = {}
    while not engine.idle:
        finished |= {one.task_id: one for one in engine.step()}
    assert str(finished["1"].error) == "no such kernel"
    for seed in (0, 2):
        alone = picture(Engine(Shelf(tiny_model)), tiny(seed=seed))
        assert difference(finished[str(seed)].image, alone) <= TOLERANCE


def test_a_picture_too_large_to_decode_whole_is_decoded_in_tiles(tiny_folder, tiny_model):
    model = load("tiny", tiny_folder)
    model.vae.__class__ = SmallDecoder
    request = tiny(width=32, height=32)
    tiled = picture(Engine(Shelf(model)), request)
    whole = picture(Engine(Shelf(tiny_model)), request)
    other = picture(Engine(Shelf(tiny_model)), replace(request, seed=2))
    assert not model.vae.use_tiling
    assert mean_difference(tiled, whole) < mean_difference(other, whole) / 2


def mean_difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


def climb(budget: RowBudget, cost_per_row, forwards: int, key: str = "shape") -> None:
    """Full forwards on a device where a row of a forward of n rows takes cost_per_row(n)."""
    for number in range(forwards):
        rows = budget.rows(key)
        budget.record(key, Measurement(rows, rows * cost_per_row(rows, number)))


TRIAL = 2 * (WARM_UP + SAMPLES)


def test_the_budget_grows_while_a_row_gets_cheaper_and_stops_at_the_most():
    budget = RowBudget(max_rows=64)
    assert budget.rows("shape") == START_ROWS
    climb(budget, lambda rows, _: 1 + 8 / rows, 4 * TRIAL)
    assert budget.rows("shape") == 64


def test_the_budget_stops_where_a_larger_forward_is_no_cheaper_a_row():
    budget = RowBudget(max_rows=64)
    climb(budget, lambda rows, _: 1 + max(0, 16 - rows) / 10, 4 * TRIAL)
    assert budget.rows("shape") == 16


def test_the_budget_climbs_through_noise_that_only_adds_time():
    budget = RowBudget(max_rows=64)
    climb(budget, lambda rows, n: (1 + 8 / rows) * (5 if n % 3 else 1), 4 * TRIAL)
    assert budget.rows("shape") == 64


def test_the_budget_climbs_while_the_machine_gets_slower_and_slower():
    budget = RowBudget(max_rows=64)
    climb(budget, lambda rows, n: (1 + 16 / rows) * 1.01**n, 4 * TRIAL)
    assert budget.rows("shape") == 64


def test_the_budget_shrinks_when_large_forwards_have_become_dear():
    budget = RowBudget(max_rows=32)
    climb(budget, lambda rows, _: 1 + 8 / rows, 4 * TRIAL)
    assert budget.rows("shape") == 32
    climb(budget, lambda rows, _: 1 if rows <= 16 else 2, PATIENCE + 2 * TRIAL)
    assert budget.rows("shape") == 16


def test_forwards_that_are_not_full_teach_the_budget_nothing():
    budget = RowBudget(max_rows=64)
    for _ in range(50):
        budget.record("shape", Measurement(2, 0.001))
    assert budget.rows("shape") == START_ROWS


def test_each_shape_has_its_own_budget():
    budget = RowBudget(max_rows=64)
    climb(budget, lambda rows, _: 1 + 8 / rows, 4 * TRIAL, key="small")
    assert budget.rows("large") == START_ROWS


def shape(side: int, model: str = "m", **fields: bool) -> ForwardShape:
    return ForwardShape(model, side, side, **fields)


@pytest.mark.parametrize(
    ("side", "settled", "rows"),
    [
        (32, {}, START_ROWS),
        (64, {}, START_ROWS),
        (128, {}, 2),
        (256, {shape(64, "other"): 64}, 2),
        (32, {shape(64): 16}, 32),
        (128, {shape(64): 32}, 4),
        (256, {shape(64): 8}, 2),
        (64, {shape(96): 4, shape(32): 8, shape(64, steered=True): 32}, 4),
    ],
)
def test_a_new_shape_begins_with_what_its_area_predicts(side, settled, rows):
    assert first_rows(shape(side), settled) == rows


def test_a_shape_begins_by_what_was_measured_of_another_and_ends_where_that_predicts():
    def cost(rows: int, area: int) -> float:
        return max(rows * area, 16 * 64 * 64) / rows

    budget: RowBudget[ForwardShape] = RowBudget(max_rows=64, first=first_rows)
    for side, began, ended in ((64, 8, 16), (32, 32, 64), (128, 2, 4)):
        key = shape(side)
        assert budget.rows(key) == began
        for _ in range(4 * TRIAL):
            rows = budget.rows(key)
            budget.record(key, Measurement(rows, rows * cost(rows, key.area)))
        assert budget.rows(key) == ended


@pytest.mark.parametrize(("free", "expected"), [(2500, 32), (1500, 16)])
def test_the_budget_does_not_grow_beyond_the_memory_it_expects_to_need(free, expected):
    budget = RowBudget(max_rows=32)
    for _ in range(4 * TRIAL):
        rows = budget.rows("shape")
        seconds = rows * (1 + 8 / rows)
        budget.record("shape", Measurement(rows, seconds, used=50 * rows, free=free))
    assert budget.rows("shape") == expected


def test_out_of_memory_halves_the_budget_down_to_one_row():
    budget = RowBudget(max_rows=64)
    for expected in (4, 2, 1, 1):
        budget.out_of_memory("shape", budget.rows("shape"))
        assert budget.rows("shape") == expected
