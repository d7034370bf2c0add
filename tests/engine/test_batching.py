"""A picture made among others is the picture made alone."""

from dataclasses import replace

import numpy as np
import pytest

from tests.engine.helpers import Shelf, difference, drain, picture, pictures, tiny
from worker.engine import TOLERANCE, Engine, ImageRequest, ReferenceOnly, UNetModel

MIXED = {
    "guided": tiny(seed=1),
    "unguided": tiny(seed=2, guidance_scale=1.0),
    "strong": tiny(seed=3, guidance_scale=12.0, prompt="a rocket", steps=9),
    "ancestral": tiny(seed=4, sampler="euler_a", steps=6),
    "plms": tiny(seed=5, sampler="pndm", steps=5, negative_prompt=""),
    "short": tiny(seed=6, sampler="unipc", steps=2, prompt="a birthday cake"),
}


def test_a_picture_in_a_batch_is_the_picture_made_alone(tiny_model):
    together = pictures(Engine(Shelf(tiny_model)), **MIXED)
    for name, request in MIXED.items():
        alone = picture(Engine(Shelf(tiny_model)), request)
        assert difference(together[name].image, alone) <= TOLERANCE, name


def test_the_shipped_models_pictures_are_the_same_in_a_batch(shipped_model):
    requests = {
        f"image-{seed}": ImageRequest("shipped", prompt, "", 128, 128, 4, 5.0, seed, "dpmpp_2m")
        for seed, prompt in enumerate(("red apple", "cat face", "rocket"))
    }
    together = pictures(Engine(Shelf(shipped_model)), **requests)
    for name, request in requests.items():
        alone = picture(Engine(Shelf(shipped_model)), request)
        assert difference(together[name].image, alone) <= TOLERANCE, name


def test_in_exact_mode_a_picture_is_equal_to_the_pixel_whatever_its_mates(tiny_model):
    def exact() -> Engine:
        return Engine(Shelf(tiny_model), exact=True, exact_rows=8)

    together = pictures(exact(), **MIXED)
    in_another_order = pictures(exact(), **dict(reversed(MIXED.items())))
    for name, request in MIXED.items():
        alone = picture(exact(), request)
        assert np.array_equal(together[name].image, alone), name
        assert np.array_equal(in_another_order[name].image, alone), name


@pytest.mark.slow
def test_in_exact_mode_the_shipped_models_latents_are_equal_to_the_bit(shipped_model):
    def latents_after_steps(engine: Engine, mates: int) -> np.ndarray:
        request = ImageRequest("shipped", "red apple", "", 128, 128, 20, 5.0, 1, "euler")
        engine.add("one", request)
        for mate in range(mates):
            engine.add(f"mate-{mate}", ImageRequest(**{**vars(request), "seed": mate + 9}))
        task = engine.batcher.get("one")
        assert task is not None
        while engine.progress("one").step < 3:
            engine.step()
        assert task.latents is not None
        return task.latents.numpy()

    def exact() -> Engine:
        return Engine(Shelf(shipped_model), exact=True, exact_rows=8)

    assert np.array_equal(latents_after_steps(exact(), 0), latents_after_steps(exact(), 3))


@pytest.mark.parametrize("mode", ["default", "exact"])
def test_an_image_of_a_series_is_made_again_alone_from_its_own_seed(mode, tiny_model):
    def engine() -> Engine:
        return Engine(Shelf(tiny_model), exact=mode == "exact")

    series = pictures(engine(), **{f"image-{k}": tiny(seed=100 + k) for k in range(4)})
    third = picture(engine(), tiny(seed=102))
    assert difference(series["image-2"].image, third) <= (0 if mode == "exact" else TOLERANCE)
    assert difference(series["image-1"].image, third) > 10


def test_a_picture_without_guidance_takes_one_row_a_step(tiny_model):
    rows: list[int] = []

    class Watch:
        def forward(self, model: str, rows_: int, seconds: float) -> None:
            rows.append(rows_)

        def stage(self, name: str, seconds: float) -> None: ...

    guided, unguided = tiny(), tiny(guidance_scale=1.0)
    pictures(Engine(Shelf(tiny_model), observer=Watch()), one=unguided)
    assert rows == [1] * 4
    rows.clear()
    pictures(Engine(Shelf(tiny_model), observer=Watch()), one=unguided, two=guided, three=guided)
    assert rows == [5] * 4


def test_a_short_picture_leaves_while_a_long_one_goes_on(engine):
    engine.add("long", tiny(steps=30))
    engine.add("short", tiny(steps=2))
    finished = []
    while not finished:
        finished = engine.step()
    assert [one.task_id for one in finished] == ["short"]
    assert engine.progress("long").step <= 3


def test_a_new_picture_joins_within_one_denoising_step(engine):
    engine.add("old", tiny(steps=30))
    for _ in range(4):
        engine.step()
    before = engine.progress("old").step
    engine.add("new", tiny(steps=30))
    while engine.progress("new").step == 0:
        engine.step()
    assert engine.progress("old").step - before <= 1


def test_pictures_that_cannot_share_a_forward_take_turns(engine):
    engine.add("square", tiny(steps=20))
    engine.add("wide", tiny(steps=20, width=32))
    for _ in range(14):
        engine.step()
    # By time, so the wide one, whose steps cost more, makes fewer.
    assert min(engine.progress(name).step for name in ("square", "wide")) >= 1


def test_more_pictures_than_rows_advance_evenly(tiny_model):
    engine = Engine(Shelf(tiny_model), exact=True, exact_rows=4)
    for index in range(5):
        engine.add(str(index), tiny(steps=40))
    for _ in range(30):
        engine.step()
    steps = [engine.progress(str(index)).step for index in range(5)]
    assert max(steps) - min(steps) <= 1
    assert min(steps) >= 8


def test_two_sizes_and_two_prompt_lengths_finish_together_with_right_shapes(engine):
    long = " ".join(["a red apple"] * 9)
    done = pictures(
        engine, wide=tiny(width=32), tall=tiny(height=24), long=tiny(prompt=long), plain=tiny()
    )
    shapes = {name: one.image.shape for name, one in done.items() if one.image is not None}
    assert shapes == {
        "wide": (16, 32, 3),
        "tall": (24, 16, 3),
        "long": (16, 16, 3),
        "plain": (16, 16, 3),
    }


def test_drained_engine_holds_nothing(engine):
    pictures(engine, **MIXED)
    assert engine.idle
    assert engine.step() == []
    assert drain(engine) == {}


@pytest.mark.parametrize("rows", [0, 6, -8])
def test_exact_rows_that_would_not_be_exact_are_refused(rows, tiny_model):
    with pytest.raises(ValueError, match="is not a power of two"):
        Engine(Shelf(tiny_model), exact=True, exact_rows=rows)


@pytest.mark.slow
def test_a_row_looks_at_its_reference_in_another_span_too(shipped_model: UNetModel):
    plain = ImageRequest("shipped", "cat face", "", 128, 128, 3, 5.0, 1, "ddim")
    shown = np.random.default_rng(3).integers(0, 256, (128, 128, 3), np.uint8)
    asked = replace(plain, reference_only=ReferenceOnly(shown))
    # Of each forward of one row the reference's lies behind it, and answers nobody.
    apart = picture(Engine(Shelf(shipped_model), max_rows=1), asked)
    together = pictures(Engine(Shelf(shipped_model)), one=asked, two=replace(plain, seed=9))
    assert difference(together["one"].image, apart) <= TOLERANCE
    assert difference(picture(Engine(Shelf(shipped_model)), plain), apart) > 10 * TOLERANCE
