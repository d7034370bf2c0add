"""A run of a whole pipeline: one denoising step at a time, and ends of every kind."""

import signal
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers.pipelines.latent_consistency_models.pipeline_latent_consistency_text2img import (
    LatentConsistencyModelPipeline,
)
from diffusers.schedulers.scheduling_flow_match_heun_discrete import (
    FlowMatchHeunDiscreteScheduler,
)

from tests.engine.helpers import Shelf, difference, drain, picture, pictures, tiny
from tests.engine.whole.helpers import (
    REQUEST,
    asked,
    developed,
    finish,
    open_whole,
    raising,
    whole,
)
from worker.engine import (
    DeadlineExceeded,
    Engine,
    NotFinite,
    OutOfMemory,
)
from worker.engine.whole.pipeline import WholeModel
from worker.engine.whole.run import WholeRun

# numpy 2.4 deprecates how torch 2.13 hands it an array, in diffusers' own DPM-Solver.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


# One step at a time


def test_each_advance_takes_one_step_and_the_last_one_decodes(kind, models):
    run = WholeRun(models[kind], asked(kind))
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
    run = WholeRun(model, REQUEST)
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
    run = WholeRun(WholeModel("whole", pipeline, torch.device("cpu"), torch.float32), REQUEST)
    run.advance()
    assert run.done
    assert run.image.shape == (16, 16, 3)


def test_another_models_pictures_develop_between_the_steps(model, tiny_model):
    expected = developed(model, REQUEST), picture(Engine(Shelf(tiny_model)), tiny())
    engine = Engine(Shelf(tiny_model))
    engine.add("mate", tiny())
    run = WholeRun(model, REQUEST)
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
    run = WholeRun(models[kind], asked(kind, seed=7, steps=50))
    run.advance()
    run.advance()
    run.cancel()
    assert run.done
    assert run.step == 2
    assert (run.image, run.error) == (None, None)
    assert not models[kind].busy
    assert np.array_equal(developed(models[kind], asked(kind)), expected)


def test_cancel_may_come_before_the_first_step_after_the_last_and_twice(model):
    early = WholeRun(model, REQUEST)
    early.cancel()
    early.cancel()
    assert early.done
    late = finish(WholeRun(model, REQUEST))
    late.cancel()
    assert late.image is not None


def test_a_run_that_nobody_holds_any_more_ends(model):
    run = WholeRun(model, REQUEST)
    run.advance()
    assert model.busy
    del run
    assert not model.busy


def test_a_second_run_on_a_busy_pipeline_is_refused_and_the_first_goes_on(model):
    expected = developed(model, REQUEST)
    run = WholeRun(model, REQUEST)
    run.advance()
    with pytest.raises(RuntimeError, match="whole makes one picture at a time"):
        WholeRun(model, replace(REQUEST, seed=2))
    assert np.array_equal(finish(run).image, expected)


def test_a_signal_that_interrupts_a_step_leaves_no_thread_behind(model):
    class Interrupted(Exception):
        pass

    expected = developed(model, REQUEST)
    before = signal.signal(signal.SIGUSR1, raising(Interrupted()))
    run = WholeRun(model, REQUEST)
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
    run = WholeRun(model, REQUEST)
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
    error = finish(WholeRun(model, REQUEST)).error
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
    error = finish(WholeRun(model, REQUEST)).error
    broken.remove()
    assert isinstance(error, OutOfMemory)
    assert "16x16" in str(error)


def test_a_picture_of_nan_is_an_error_not_a_black_picture(model):
    broken = model.pipeline.vae.decoder.register_forward_hook(
        lambda _module, _inputs, output: output * torch.nan
    )
    error = finish(WholeRun(model, REQUEST)).error
    broken.remove()
    assert isinstance(error, NotFinite)


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
