"""Every kind of job through the queue, the picture store and a real worker."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from jobs.pictures.image_store import input_id
from jobs.queue import queue
from tests.running.site import SIDE
from tests.running.waiting import until
from tests.tiny.model import save_tiny_model
from tests.tiny.models import save_tiny


def scene(width: int = SIDE, height: int = SIDE) -> Image.Image:
    """A picture with a different colour at every pixel."""
    across, down = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.dstack([across, down, 255 - across]).astype(np.uint8))


def dyed(width: int, height: int) -> Image.Image:
    """Another picture than `scene`."""
    return scene(width, height).transpose(Image.Transpose.ROTATE_180)


def disc(width: int = SIDE, height: int = SIDE) -> Image.Image:
    """A mask that is white in a circle in the middle."""
    mask = Image.new("L", (width, height))
    ImageDraw.Draw(mask).ellipse((width * 0.3, height * 0.3, width * 0.7, height * 0.7), fill=255)
    return mask


def made(desk, record) -> np.ndarray:
    done = desk.ended(record)
    assert done.status == "succeeded", done.error
    return np.asarray(Image.open(io.BytesIO(desk.picture(done))).convert("RGB"))


@pytest.mark.parametrize("kind", ["image-to-image", "variations"])
def test_a_weak_change_of_a_picture_stays_closer_to_it_than_a_strong_one(desk, kind):
    pictures = {"/image": scene(SIDE, SIDE)}
    jobs = [
        desk.submit(kind=kind, pictures=pictures, steps=10, strength=strength)
        for strength in (0.1, 1.0)
    ]
    weak, strong = (made(desk, job).astype(int) for job in jobs)
    start = np.asarray(pictures["/image"]).astype(int)
    assert np.abs(weak - start).mean() < np.abs(strong - start).mean() / 2


@pytest.mark.parametrize("area", ["whole", "masked"])
def test_what_lies_outside_the_mask_is_equal_to_the_pixel(desk, area):
    size = 90, 70
    pictures = {"/image": scene(*size), "/mask": disc(*size)}
    job = desk.submit(kind="inpaint", pictures=pictures, inpaint_area=area, mask_blur=2)
    result, start = made(desk, job), np.asarray(scene(*size))
    assert result.shape == start.shape
    far = np.asarray(disc(*size).resize(size)) == 0
    far[15:55, 20:70] = False
    assert np.array_equal(result[far], start[far])
    middle = np.s_[30:40, 40:50]
    assert np.abs(result[middle].astype(int) - start[middle].astype(int)).mean() > 5


def test_a_picture_is_extended_and_stays_what_it_was(desk):
    job = desk.submit(
        kind="outpaint", pictures={"/image": scene()}, expand={"left": 24, "bottom": 8}, mask_blur=4
    )
    result = made(desk, job)
    assert result.shape == (SIDE + 8, SIDE + 24, 3)
    kept = 16
    assert np.array_equal(
        result[: SIDE - kept, 24 + kept :], np.asarray(scene())[: SIDE - kept, kept:]
    )


def test_a_picture_is_enlarged_and_its_output_says_the_new_size(desk):
    job = desk.submit(kind="upscale", pictures={"/image": scene(40, 32)}, scale=2.5, strength=0.0)
    result = made(desk, job)
    expected = scene(40, 32).resize((100, 80), Image.Resampling.LANCZOS)
    assert np.abs(result.astype(int) - np.asarray(expected).astype(int)).max() <= 1
    assert (desk.ended(job).outputs[0].width, desk.ended(job).outputs[0].height) == (100, 80)


def test_a_second_pass_gives_the_larger_picture(desk):
    job = desk.submit(hires={"scale": 1.5, "strength": 0.5})
    assert made(desk, job).shape == (SIDE * 3 // 2, SIDE * 3 // 2, 3)


def test_what_the_second_pass_cannot_walk_is_said_to_be_its_own(desk):
    hires = {"scale": 1.5, "strength": 1.0, "steps": 1}
    failed = desk.ended(desk.submit(sampler="sa_solver", schedule="karras", hires=hires))
    assert failed.error.detail == (
        "hires: steps: sa_solver takes 2 to 998 with this schedule, not 1."
    )


def test_a_picture_gone_from_the_store_fails_its_job_with_the_reason(desk):
    there = desk.submit(kind="image-to-image", pictures={"/image": scene()})
    gone = there.request.model_copy(update={"image": input_id("0" * 32, 0)})
    done = desk.ended(queue.submit(desk.redis, gone, "anna"))
    assert (done.status, done.error.code) == ("failed", "bad_input")
    assert "not in the store any more" in done.error.detail
    assert desk.ended(there).status == "succeeded"


def test_a_mask_without_white_fails_with_a_sentence(desk):
    pictures = {"/image": scene(), "/mask": Image.new("L", (SIDE, SIDE))}
    done = desk.ended(desk.submit(kind="inpaint", pictures=pictures))
    assert done.status == "failed"
    assert done.error.code == "bad_input"
    assert "nothing white" in done.error.detail


def test_one_seed_gives_one_picture_in_exact_mode_whatever_else_runs(desk):
    alone = made(desk, desk.submit(exact=True))
    jobs = [desk.submit(exact=True), *(desk.submit(seed=n, count=3) for n in range(3))]
    assert np.array_equal(made(desk, jobs[0]), alone)
    for job in jobs[1:]:
        desk.ended(job)


@pytest.mark.timeout(240)
def test_with_nothing_to_do_the_worker_measures_and_keeps_the_result(start, tmp_path):
    save_tiny_model(tmp_path / "tiny")
    catalogue = tmp_path / "models.toml"
    catalogue.write_text('[models.tiny]\nsource = "tiny"\n')
    process, _ = start(warm_up=True, models=catalogue)
    kept = process.data / "measured" / "row-budgets.json"
    until(lambda: kept.exists() and '"rows": null' not in kept.read_text(), 200)


def test_a_model_that_needs_a_picture_and_a_mask_is_measured_with_them(start, tmp_path):
    save_tiny("sd1-inpainting", tmp_path / "tiny")
    catalogue = tmp_path / "models.toml"
    catalogue.write_text('[models.tiny]\nsource = "tiny"\n')
    worker, _ = start(warm_up=True, models=catalogue)
    kept = worker.data / "measured" / "row-budgets.json"
    until(lambda: worker.process.poll() is not None or kept.exists(), 110)
    assert worker.process.poll() is None
    assert "could not be measured" not in (worker.data / "worker.log").read_text()


@pytest.mark.slow
def test_greys_are_strength_for_a_network_that_is_shown_the_mask_too(start, tmp_path):
    save_tiny("sd1-inpainting", tmp_path / "tiny")
    catalogue = tmp_path / "models.toml"
    catalogue.write_text('[models.tiny]\nsource = "tiny"\n')
    _, desk = start(models=catalogue)
    until(lambda: desk.redis.keys("darkroom:worker:*"), 60)
    mask = Image.new("L", (SIDE, SIDE))
    mask.paste(60, (16, 0, 40, SIDE))
    mask.paste(255, (40, 0, SIDE, SIDE))
    pictures = {"/image": scene(), "/mask": mask}
    asked = {"kind": "inpaint", "mask_grey": "strength", "mask_blur": 0, "steps": 12}
    result = made(desk, desk.submit(pictures=pictures, **asked)).astype(int)
    start_at = np.asarray(scene()).astype(int)
    changed = np.abs(result - start_at).mean(axis=(0, 2))
    assert changed[:16].max() == 0
    assert 0 < changed[20:36].mean() < changed[44:].mean()
