"""Pipelines that run whole: one picture at a time, one denoising step at a time."""

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoPipelineForText2Image
from diffusers.pipelines.ddpm.pipeline_ddpm import DDPMPipeline
from diffusers.pipelines.latent_consistency_models.pipeline_latent_consistency_text2img import (
    LatentConsistencyModelPipeline,
)
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from diffusers.schedulers.scheduling_flow_match_heun_discrete import (
    FlowMatchHeunDiscreteScheduler,
)

from tests.engine.helpers import Shelf, difference, drain, picture, pictures, tiny
from tests.tiny_pipelines import (
    save_tiny_flux,
    save_tiny_lcm,
    save_tiny_pixart,
    save_tiny_qwen,
    save_tiny_sd3,
)
from worker.engine import (
    DeadlineExceeded,
    Engine,
    ImageRequest,
    InvalidRequest,
    ModelUnavailable,
    NotFinite,
    OutOfMemory,
)
from worker.engine.whole.preview import Decoder
from worker.engine.whole.run import PlainModel, PlainRun

# numpy 2.4 deprecates how torch 2.13 hands it an array, in diffusers' own DPM-Solver.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

REQUEST = ImageRequest("whole", "a red apple", "", 16, 16, 4, 5.0, 1, "default")
SIZES = {"sd3": 16, "flux": 16, "pixart": 256, "lcm": 16, "qwen": 16}
# How a user of diffusers asks for a guidance scale of 5.
GUIDED = {"qwen": {"true_cfg_scale": 5.0, "negative_prompt": " "}}
SAVERS: dict[str, Callable[[Path], Path]] = {
    "sd3": save_tiny_sd3,
    "flux": save_tiny_flux,
    "pixart": save_tiny_pixart,
    "lcm": save_tiny_lcm,
    "qwen": save_tiny_qwen,
}


def open_whole(folder: Path) -> Any:
    pipeline = AutoPipelineForText2Image.from_pretrained(
        folder, use_safetensors=True, local_files_only=True
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def whole(folder: Path, name: str = "whole") -> PlainModel:
    return PlainModel(name, open_whole(folder), torch.device("cpu"), torch.float32)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("whole")
    return {name: save(root / name) for name, save in SAVERS.items()}


@pytest.fixture(scope="module")
def models(folders: dict[str, Path]) -> dict[str, PlainModel]:
    return {name: whole(folder) for name, folder in folders.items()}


@pytest.fixture(params=sorted(SAVERS))
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def model(models: dict[str, PlainModel]) -> PlainModel:
    return models["sd3"]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Any:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def asked(kind: str, **fields: Any) -> ImageRequest:
    return replace(REQUEST, width=SIZES[kind], height=SIZES[kind], **fields)


def finish(run: PlainRun) -> PlainRun:
    for _ in range(200):
        if run.done:
            return run
        run.advance()
    raise AssertionError("the run never ended")


def developed(model: PlainModel, request: ImageRequest) -> np.ndarray:
    run = finish(PlainRun(model, request))
    assert run.error is None, run.error
    assert run.image is not None
    return run.image


def directly(pipeline: Any, size: int = 16, **arguments: Any) -> np.ndarray:
    """What a user of diffusers gets."""
    made = pipeline(
        "a red apple",
        width=size,
        height=size,
        num_inference_steps=4,
        generator=torch.Generator().manual_seed(1),
        **arguments,
    )
    return np.asarray(made.images[0])


# The same picture


def test_the_picture_is_the_one_that_the_pipeline_makes_when_called_directly(kind, models, folders):
    arguments = GUIDED.get(kind, {"guidance_scale": 5.0})
    expected = directly(open_whole(folders[kind]), SIZES[kind], **arguments)
    made = developed(models[kind], asked(kind))
    assert made.dtype == np.uint8
    assert np.array_equal(made, expected)


def test_a_negative_prompt_reaches_the_pipeline(model, folders):
    expected = directly(open_whole(folders["sd3"]), guidance_scale=5.0, negative_prompt="flat")
    made = developed(model, replace(REQUEST, negative_prompt="flat"))
    assert np.array_equal(made, expected)
    assert not np.array_equal(made, developed(model, REQUEST))


def test_a_negative_prompt_that_a_pipeline_cannot_take_is_left_out(models):
    for kind in ("lcm", "flux"):
        assert not models[kind].takes_negative_prompt
        made = developed(models[kind], asked(kind, negative_prompt="flat"))
        assert np.array_equal(made, developed(models[kind], asked(kind)))


def test_the_distilled_scale_of_flux_is_its_guidance_scale(models, folders):
    expected = directly(open_whole(folders["flux"]), guidance_scale=2.0)
    assert np.array_equal(developed(models["flux"], asked("flux", guidance_scale=2.0)), expected)


def test_two_runs_one_after_the_other_know_nothing_of_each_other(kind, models, folders):
    first = developed(models[kind], asked(kind))
    other = developed(models[kind], asked(kind, seed=2, steps=3, guidance_scale=1.0))
    again = developed(models[kind], asked(kind))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_scheduler_is_left_as_it_was(model):
    before = dict(vars(model.pipeline.scheduler))
    developed(model, REQUEST)
    assert vars(model.pipeline.scheduler).keys() == before.keys()


# One step at a time


def test_each_advance_takes_one_step_and_the_last_one_decodes(kind, models):
    run = PlainRun(models[kind], asked(kind))
    assert (run.step, run.steps) == (0, 4)
    for step in range(1, 5):
        run.advance()
        assert (run.step, run.steps) == (step, 4)
        assert not run.done
    run.advance()
    assert run.done
    assert run.image is not None


def test_forwards_beyond_the_steps_asked_for_count_as_steps(folders):
    model = whole(folders["sd3"])
    model.pipeline.scheduler = FlowMatchHeunDiscreteScheduler()
    run = PlainRun(model, REQUEST)
    run.advance()
    assert (run.step, run.steps) == (1, 7)
    assert finish(run).step == 7


def test_a_pipeline_that_calls_nobody_back_runs_in_one_advance(folders):
    def call(self, prompt, width, height, num_inference_steps, output_type):
        steps = num_inference_steps
        return LatentConsistencyModelPipeline.__call__(
            self, prompt, height, width, steps, output_type=output_type
        )

    silent = type("Silent", (LatentConsistencyModelPipeline,), {"__call__": call})
    pipeline = open_whole(folders["lcm"])
    pipeline.__class__ = silent
    run = PlainRun(PlainModel("whole", pipeline, torch.device("cpu"), torch.float32), REQUEST)
    run.advance()
    assert run.done
    assert run.image.shape == (16, 16, 3)


def test_another_models_pictures_develop_between_the_steps(model, tiny_model):
    expected = developed(model, REQUEST), picture(Engine(Shelf(tiny_model)), tiny())
    engine = Engine(Shelf(tiny_model))
    engine.add("mate", tiny())
    run = PlainRun(model, REQUEST)
    finished = []
    while not (run.done and engine.idle):
        before = run.step
        finished += engine.step()
        assert run.step == before
        run.advance()
    assert np.array_equal(run.image, expected[0])
    assert difference(finished[0].image, expected[1]) == 0


# Ending early


def test_a_cancel_in_the_middle_frees_the_pipeline_for_the_next_run(kind, models):
    expected = developed(models[kind], asked(kind))
    run = PlainRun(models[kind], asked(kind, seed=7, steps=50))
    run.advance()
    run.advance()
    run.cancel()
    assert run.done
    assert run.step == 2
    assert (run.image, run.error) == (None, None)
    assert not models[kind].busy
    assert np.array_equal(developed(models[kind], asked(kind)), expected)


def test_cancel_may_come_before_the_first_step_after_the_last_and_twice(model):
    early = PlainRun(model, REQUEST)
    early.cancel()
    early.cancel()
    assert early.done
    late = finish(PlainRun(model, REQUEST))
    late.cancel()
    assert late.image is not None


def test_a_run_that_nobody_holds_any_more_ends(model):
    run = PlainRun(model, REQUEST)
    run.advance()
    assert model.busy
    del run
    assert not model.busy


def test_a_second_run_on_a_busy_pipeline_is_refused_and_the_first_goes_on(model):
    expected = developed(model, REQUEST)
    run = PlainRun(model, REQUEST)
    run.advance()
    with pytest.raises(RuntimeError, match="whole makes one picture at a time"):
        PlainRun(model, replace(REQUEST, seed=2))
    assert np.array_equal(finish(run).image, expected)


def test_a_signal_that_interrupts_a_step_leaves_no_thread_behind(model):
    class Interrupted(Exception):
        pass

    expected = developed(model, REQUEST)
    before = signal.signal(signal.SIGUSR1, raising(Interrupted()))
    run = PlainRun(model, REQUEST)
    run.advance()
    step = model.pipeline.transformer.register_forward_hook(
        lambda *_: signal.raise_signal(signal.SIGUSR1)
    )
    with pytest.raises(Interrupted):
        run.advance()
    run.cancel()
    step.remove()
    signal.signal(signal.SIGUSR1, before)
    assert run.done
    assert np.array_equal(developed(model, REQUEST), expected)


# Errors


def test_an_error_in_the_pipeline_fails_this_run_only(model):
    expected = developed(model, REQUEST)
    run = PlainRun(model, REQUEST)
    run.advance()
    broken = model.pipeline.transformer.register_forward_hook(raising(ValueError("bad luck")))
    run.advance()
    broken.remove()
    assert run.done
    assert isinstance(run.error, ValueError)
    assert run.image is None
    assert np.array_equal(developed(model, REQUEST), expected)


def test_the_error_keeps_no_tensors_and_still_says_where_it_was_raised(model):
    broken = model.pipeline.transformer.register_forward_hook(raising(ValueError("bad luck")))
    error = finish(PlainRun(model, REQUEST)).error
    broken.remove()
    traceback = error.__traceback__
    names = []
    while traceback is not None:
        assert not any(torch.is_tensor(one) for one in traceback.tb_frame.f_locals.values())
        names.append(traceback.tb_frame.f_code.co_name)
        traceback = traceback.tb_next
    assert "__call__" in names


def test_out_of_memory_names_the_size(model):
    broken = model.pipeline.transformer.register_forward_hook(raising(torch.OutOfMemoryError()))
    error = finish(PlainRun(model, REQUEST)).error
    broken.remove()
    assert isinstance(error, OutOfMemory)
    assert "16x16" in str(error)


def test_a_picture_of_nan_is_an_error_not_a_black_picture(model):
    broken = model.pipeline.vae.decoder.register_forward_hook(
        lambda _module, _inputs, output: output * torch.nan
    )
    error = finish(PlainRun(model, REQUEST)).error
    broken.remove()
    assert isinstance(error, NotFinite)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"width": 18}, "width: 18 is not a multiple of 4; the nearest is 16"),
        ({"height": 0}, "height: 0 is not a multiple of 4; the nearest is 4"),
        ({"steps": 0}, "steps"),
        ({"sampler": "euler"}, "sampler"),
        ({"clip_skip": 2}, "clip_skip"),
        ({"guidance_rescale": 0.5}, "guidance_rescale"),
        ({"image": np.zeros((16, 16, 3), np.uint8)}, "image"),
    ],
)
def test_what_the_pipeline_would_not_do_is_refused_at_once(model, fields, field):
    with pytest.raises(InvalidRequest, match=field):
        PlainRun(model, replace(REQUEST, **fields))
    assert not model.busy


def test_a_pipeline_without_a_prompt_is_no_model(folders):
    lcm = open_whole(folders["lcm"])
    pipeline = DDPMPipeline(unet=lcm.unet, scheduler=DDPMScheduler())
    with pytest.raises(ModelUnavailable, match="noise is a DDPMPipeline"):
        PlainModel("noise", pipeline, torch.device("cpu"), torch.float32)


# Previews


def test_a_preview_appears_after_the_first_step_and_changes_nothing(kind, models):
    model = models[kind]
    expected = developed(model, asked(kind))
    run = PlainRun(model, asked(kind))
    assert run.preview() is None
    latents = (SIZES[kind] // model.pipeline.vae_scale_factor,) * 2
    for _ in range(4):
        run.advance()
        assert run.preview().shape == (*latents, 3)
        assert run.preview().dtype == np.uint8
    run.advance()
    assert run.preview() is None
    assert np.array_equal(run.image, expected)


def test_the_last_step_predicts_the_very_latents_that_are_decoded(kind, models):
    run = PlainRun(models[kind], asked(kind))
    for _ in range(4):
        run.advance()
    predicted, latents = run._walk._watch.predicted(run._walk._latents), run._walk._latents
    run.cancel()
    assert torch.allclose(predicted, latents, atol=1e-5)


@pytest.mark.parametrize("kind", ["sd3", "flux", "qwen"])
def test_a_preview_in_the_middle_is_where_the_last_two_latents_point(kind, models):
    model = models[kind]
    run = PlainRun(model, asked(kind))
    run.advance()
    before = run._walk._latents
    run.advance()
    after, preview = run._walk._latents, run.preview()
    run.cancel()
    start, end = model.pipeline.scheduler.sigmas[1:3]
    pointed_at = after - end * (after - before) / (end - start)
    assert difference(preview, model.preview(pointed_at, 16, 16)) <= 1
    assert difference(preview, model.preview(after, 16, 16)) > 10


def test_the_colours_are_fitted_to_latents_as_the_pipeline_decodes_them(kind, models):
    model = models[kind]
    run = PlainRun(model, asked(kind))
    for _ in range(4):
        run.advance()
    latents = model.preview.unpacked(run._walk._latents, SIZES[kind], SIZES[kind])
    with torch.inference_mode():
        decoded = Decoder(model.pipeline.vae).decode(latents)[0][0]
    run.advance()
    colours = ((decoded / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0)
    assert difference(colours.numpy(), run.image) <= 1


def test_a_pipeline_without_a_decoder_that_we_know_has_no_preview_and_still_a_picture(folders):
    model = whole(folders["flux"])
    model.preview = None
    run = PlainRun(model, asked("flux"))
    run.advance()
    assert run.preview() is None
    assert finish(run).image is not None


# In the engine


def test_the_engine_develops_whole_and_batched_pictures_side_by_side(model, tiny_model):
    requests = {"whole": REQUEST, "next": replace(REQUEST, seed=2), "batched": tiny()}
    expected = [developed(model, requests["whole"]), developed(model, requests["next"])]
    expected.append(picture(Engine(Shelf(tiny_model)), tiny()))
    engine = Engine(Shelf(model, tiny_model))
    made = pictures(engine, **requests)
    for name, other in zip(requests, expected, strict=True):
        assert made[name].error is None, made[name].error
        assert difference(made[name].image, other) == 0


def test_a_picture_past_its_deadline_makes_room_for_the_next(model):
    expected = developed(model, REQUEST)
    engine = Engine(Shelf(model))
    engine.add("late", replace(REQUEST, steps=50), deadline=time.monotonic() + 0.2)
    engine.add("next", REQUEST)
    engine.step()
    time.sleep(0.2)
    made = drain(engine)
    assert isinstance(made["late"].error, DeadlineExceeded)
    assert made["next"].error is None, made["next"].error
    assert difference(made["next"].image, expected) == 0


def test_the_engine_cancels_a_whole_picture_within_one_step(model):
    engine = Engine(Shelf(model))
    engine.add("one", replace(REQUEST, steps=50))
    engine.step()
    assert engine.progress("one").step == 1
    assert engine.preview("one") is not None
    engine.cancel("one")
    engine.step()
    assert engine.idle
    assert not model.busy


# What it says of itself


def test_it_knows_its_multiples_its_window_and_its_weights(models):
    assert {kind: models[kind].factor for kind in models} == {
        "sd3": 4,
        "flux": 4,
        "pixart": 16,
        "lcm": 2,
        "qwen": 8,
    }
    assert {kind: models[kind].latent_channels for kind in models} == {
        "sd3": 16,
        "flux": 16,
        "pixart": 4,
        "lcm": 4,
        "qwen": 4,
    }
    assert models["sd3"].window == 256
    assert models["lcm"].window == 77
    assert models["flux"].family == "FluxPipeline"
    for model in models.values():
        expected = {id(one) for one in model.modules()}
        named = ("transformer", "unet", "vae", "text_encoder")
        parts = [getattr(model.pipeline, name, None) for name in named]
        assert {id(part) for part in parts if part is not None} <= expected


# The pipeline of latent consistency models asks for multiples of 8 even where its own are 2.
@pytest.mark.parametrize("kind", ["sd3", "flux", "pixart", "qwen"])
def test_every_multiple_of_the_factor_is_a_size_that_it_makes(kind, models):
    model = models[kind]
    width, height = SIZES[kind] + model.factor, SIZES[kind] - model.factor
    made = developed(model, replace(REQUEST, width=width, height=height, steps=2))
    assert made.shape == (height, width, 3)


def raising(error: Exception) -> Callable[..., None]:
    def hook(*_: Any) -> None:
        raise error

    return hook
