"""Every task of the engine against the diffusers pipeline that does the same."""

import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_img2img import (
    StableDiffusionImg2ImgPipeline,
)
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_inpaint import (
    StableDiffusionInpaintPipeline,
)
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from PIL import Image

from tests.engine.helpers import Shelf, difference, open_pipeline, picture, pictures, tiny
from worker.engine import TOLERANCE, Engine, Enlarge, Finished, ImageRequest
from worker.engine.ground.slerp import slerp

SIDE = 32


def photograph(seed: int = 0, side: int = SIDE) -> np.ndarray:
    """A smooth picture of many colours, (side, side, 3)."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return np.array(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def right_half(side: int = SIDE) -> np.ndarray:
    mask = np.zeros((side, side), np.uint8)
    mask[:, side // 2 :] = 255
    return mask


def stock(folder, pipeline_class):
    parts = open_pipeline(folder).components
    pipeline = pipeline_class(**parts, requires_safety_checker=False)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config, clip_sample=False)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def call(pipeline, request: ImageRequest, **extra) -> np.ndarray:
    result = pipeline(
        prompt=request.prompt,
        negative_prompt=request.negative_prompt,
        num_inference_steps=request.steps,
        guidance_scale=request.guidance_scale,
        generator=torch.Generator().manual_seed(request.seed),
        output_type="pil",
        **extra,
    )
    return np.array(result.images[0])


START = tiny(width=SIDE, height=SIDE, steps=10, image=photograph())


@pytest.mark.parametrize("strength", [0.15, 0.5, 0.75, 1.0])
def test_image_to_image_is_diffusers_own(tiny_folder, engine, strength):
    expected = call(
        stock(tiny_folder, StableDiffusionImg2ImgPipeline),
        START,
        image=Image.fromarray(START.image),
        strength=strength,
    )
    assert difference(picture(engine, replace(START, strength=strength)), expected) <= TOLERANCE


def test_image_to_image_runs_only_the_steps_that_its_strength_asks_for(engine):
    engine.add("one", replace(START, strength=0.5))
    engine.step()
    assert engine.progress("one").steps == 5


def test_a_strength_of_nothing_gives_the_picture_itself(engine):
    kept = picture(engine, replace(START, strength=0.0))
    assert (kept == START.image).all()
    assert difference(kept, picture(engine, replace(START, strength=1.0))) > 20


@pytest.mark.parametrize("strength", [0.6, 1.0])
def test_inpainting_with_any_model_is_diffusers_own(tiny_folder, engine, strength):
    expected = call(
        stock(tiny_folder, StableDiffusionInpaintPipeline),
        START,
        image=Image.fromarray(START.image),
        mask_image=Image.fromarray(right_half()),
        strength=strength,
        width=SIDE,
        height=SIDE,
    )
    request = replace(START, mask=right_half(), strength=strength)
    assert difference(picture(engine, request), expected) <= TOLERANCE


@pytest.mark.parametrize("fill", ["noise", "nothing"])
def test_the_fill_under_the_mask_changes_where_the_walk_begins(engine, fill):
    original = replace(START, mask=right_half(), strength=0.3)
    there, filled = picture(engine, original), picture(engine, replace(original, fill=fill))
    half = SIDE // 2
    kept = np.abs(there[:, : half - 4].astype(int) - filled[:, : half - 4].astype(int)).mean()
    changed = np.abs(there[:, half:].astype(int) - filled[:, half:].astype(int)).mean()
    assert changed > 3 * max(kept, 0.5)


def test_a_thin_line_of_mask_is_repainted(engine):
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[:, 15] = 255
    there = picture(engine, replace(START, mask=np.zeros_like(mask)))
    drawn = picture(engine, replace(START, mask=mask))
    assert np.abs(there[:, 15].astype(int) - drawn[:, 15].astype(int)).mean() > 10


def test_a_picture_of_another_size_than_the_request_fails_with_both_sizes(engine):
    done = pictures(engine, one=replace(START, width=SIDE * 2))["one"]
    assert "32x32" in str(done.error)
    assert "64x32" in str(done.error)


def test_a_second_pass_at_the_same_size_is_image_to_image_of_the_first(tiny_folder, engine):
    first = tiny(width=SIDE, height=SIDE, steps=6)
    both = replace(first, enlarge=Enlarge(SIDE * 2, SIDE * 2, 6, 0.5, "lanczos"))
    result = picture(engine, both)
    assert result.shape == (SIDE * 2, SIDE * 2, 3)
    once = np.array(
        Image.fromarray(picture(engine, first)).resize(
            (SIDE * 2, SIDE * 2), Image.Resampling.LANCZOS
        )
    )
    near = np.abs(result.astype(int) - once.astype(int)).mean()
    other = picture(engine, replace(both, seed=9))
    assert near < np.abs(other.astype(int) - once.astype(int)).mean()


@pytest.mark.parametrize("upscaler", ["latent", "lanczos"])
def test_progress_counts_the_steps_of_both_passes(engine, upscaler):
    request = tiny(steps=4, enlarge=Enlarge(32, 32, 6, 0.5, upscaler))
    engine.add("one", request)
    seen = []
    while not engine.idle:
        engine.step()
        if len(engine):
            seen.append((engine.progress("one").step, engine.progress("one").steps))
    assert seen[0] == (0, 7)
    assert (7, 7) in seen
    assert seen == sorted(seen)


def test_a_picture_is_enlarged_without_a_first_pass(engine):
    request = replace(START, enlarge=Enlarge(SIDE * 2, SIDE * 2, 10, 0.2, "lanczos"))
    engine.add("one", request)
    engine.step()
    engine.step()
    assert engine.progress("one").steps == 2
    assert picture(engine.__class__(engine._models), request).shape == (SIDE * 2, SIDE * 2, 3)


def test_enlarging_without_denoising_is_the_upscaler_alone(engine):
    request = replace(START, enlarge=Enlarge(SIDE * 2, SIDE * 3, 10, 0.0, "lanczos"))
    expected = Image.fromarray(START.image).resize((SIDE * 2, SIDE * 3), Image.Resampling.LANCZOS)
    assert difference(picture(engine, request), np.array(expected)) == 0


@pytest.mark.parametrize("kept", [True, False])
def test_others_steps_go_on_while_a_large_picture_is_resampled(
    engine, monkeypatch: pytest.MonkeyPatch, kept: bool
):
    size = SIDE * 33, SIDE * 33
    expected = np.array(Image.fromarray(START.image).resize(size, Image.Resampling.LANCZOS))
    resize, others_done = Image.Image.resize, threading.Event()

    def resize_later(picture: Image.Image, *asked: Any) -> Image.Image:
        assert others_done.wait(20)
        return resize(picture, *asked)

    monkeypatch.setattr(Image.Image, "resize", resize_later)
    engine.add("large", replace(START, enlarge=Enlarge(*size, 10, 0.0, "lanczos")))
    engine.add("next", replace(START, enlarge=Enlarge(*size, 10, 0.0, "lanczos")))
    engine.add("other", tiny())
    found: dict[str, Finished] = {}
    while "other" not in found:
        found |= {each.task_id: each for each in engine.step()}
    assert list(found) == ["other"]
    assert engine.waiting
    if not kept:
        engine.cancel("large")
        engine.step()
        assert len(engine) == 1
    others_done.set()
    while not engine.idle:
        found |= {each.task_id: each for each in engine.step()}
    assert found.keys() == {"other", "next", *(["large"] if kept else [])}
    assert all(
        difference(each.image, expected) == 0 for name, each in found.items() if name != "other"
    )


def test_guidance_rescale_is_diffusers_own(tiny_folder, engine):
    request = tiny(width=SIDE, height=SIDE, guidance_scale=9.0, guidance_rescale=0.7)
    pipeline = open_pipeline(tiny_folder)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config, clip_sample=False)
    size = {"width": SIDE, "height": SIDE}
    expected = call(pipeline, request, guidance_rescale=0.7, **size)
    plain = call(pipeline, request, **size)
    assert difference(expected, plain) > 2 * TOLERANCE
    both = pictures(engine, one=request, two=replace(request, guidance_rescale=0.0))
    assert difference(both["one"].image, expected) <= TOLERANCE
    assert difference(both["two"].image, plain) <= TOLERANCE


def test_a_variation_turns_the_noise_towards_the_other_seed(engine):
    one, other = tiny(seed=1), tiny(seed=2)
    ends = picture(engine, one), picture(engine, other)
    varied = [
        picture(engine, replace(one, variation_seed=2, variation_strength=strength))
        for strength in (0.0, 0.1, 1.0)
    ]
    assert difference(varied[0], ends[0]) == 0
    assert difference(varied[2], ends[1]) <= TOLERANCE
    assert difference(varied[1], ends[0]) > 0


def test_noise_turned_halfway_has_the_variance_of_noise():
    start, end = torch.randn(2, 4, 64, 64).unbind()
    assert slerp(start, end, 0.5).std() == pytest.approx(1.0, abs=0.05)


def test_pictures_of_all_tasks_share_forwards_and_come_out_as_alone(tiny_model):
    rows: list[int] = []

    class Watch:
        def forward(self, model: str, rows_: int, seconds: float) -> None:
            rows.append(rows_)

        def stage(self, name: str, seconds: float) -> None: ...

    requests = {
        "text": tiny(width=SIDE, height=SIDE, steps=6, seed=4),
        "image": replace(START, strength=0.6),
        "inpaint": replace(START, mask=right_half(), strength=0.6),
        "rescaled": tiny(width=SIDE, height=SIDE, steps=6, guidance_rescale=0.5),
        "second": tiny(width=SIDE // 2, height=SIDE // 2, steps=2, enlarge=Enlarge(32, 32, 6, 0.9)),
    }
    together = pictures(Engine(Shelf(tiny_model), observer=Watch()), **requests)
    assert max(rows) >= 8
    for name, request in requests.items():
        alone = picture(Engine(Shelf(tiny_model)), request)
        assert difference(together[name].image, alone) <= TOLERANCE, name
