"""Cancel, deadlines, loading models, and tasks that go wrong."""

import threading
import time

import pytest
import torch

from tests.engine.helpers import Shelf, difference, drain, load, picture, pictures, tiny
from worker.engine import (
    TOLERANCE,
    DeadlineExceeded,
    Engine,
    InvalidRequest,
    LoadedModel,
    ModelUnavailable,
    NotFinite,
    UNetModel,
)
from worker.engine.whole.pipeline import WholeModel


def step_until_denoising(engine: Engine, task_id: str) -> None:
    while engine.progress(task_id).step == 0:
        engine.step()


def test_a_canceled_task_takes_no_further_step_and_is_not_reported(engine):
    engine.add("gone", tiny(steps=50))
    engine.add("kept", tiny())
    step_until_denoising(engine, "gone")
    task = engine.batcher.get("gone")
    before = engine.progress("gone").step
    thread = threading.Thread(target=engine.cancel, args=("gone",))
    thread.start()
    thread.join()
    assert set(drain(engine)) == {"kept"}
    assert task is not None
    assert task.sampler is not None
    assert task.sampler.index == before
    with pytest.raises(KeyError):
        engine.progress("gone")


def test_canceling_the_last_task_empties_the_engine_at_the_next_step(engine):
    engine.add("gone", tiny())
    engine.cancel("gone")
    assert engine.step() == []
    assert engine.idle


def test_canceling_an_unknown_task_is_fine(engine):
    engine.cancel("nobody")
    assert engine.idle


def test_a_task_past_its_deadline_fails_and_its_mates_finish(engine):
    engine.add("late", tiny(steps=50), deadline=time.monotonic() - 1)
    engine.add("kept", tiny(), deadline=time.monotonic() + 60)
    done = drain(engine)
    assert isinstance(done["late"].error, DeadlineExceeded)
    assert done["late"].image is None
    assert done["kept"].error is None


def test_a_task_id_that_is_held_is_refused(engine):
    engine.add("one", tiny())
    with pytest.raises(ValueError, match="task_id: 'one' is held already"):
        engine.add("one", tiny())


def test_a_task_waits_for_its_model_while_others_go_on(tiny_model, tiny_folder):
    shelf = Shelf(tiny_model)
    shelf.models["slow"] = None
    engine = Engine(shelf)
    engine.add("waits", tiny(model="slow"))
    assert engine.step() == []
    assert engine.waiting
    engine.add("goes", tiny())
    assert not engine.waiting
    finished: list[str] = []
    while not engine.waiting:
        finished += [one.task_id for one in engine.step()]
    assert finished == ["goes"]
    assert engine.models == {"slow"}
    shelf.models["slow"] = load("slow", tiny_folder)
    assert drain(engine)["waits"].error is None


def test_a_model_that_does_not_load_fails_only_its_own_tasks(tiny_model):
    class Refusing(Shelf):
        def get(self, name: str) -> LoadedModel | WholeModel | None:
            if name == "missing":
                raise ModelUnavailable("model: missing is not in models.toml.")
            return super().get(name)

    done = pictures(Engine(Refusing(tiny_model)), bad=tiny(model="missing"), good=tiny())
    assert str(done["bad"].error) == "model: missing is not in models.toml."
    assert done["good"].error is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"width": 17}, "width: 17 is not a multiple of 2; the nearest is 16."),
        ({"height": 0}, "height: 0 is not a multiple of 2; the nearest is 2."),
        ({"sampler": "magic"}, "sampler: 'magic' is unknown"),
        ({"steps": 0}, "steps: ddim takes 1 to 998"),
    ],
)
def test_a_request_that_can_never_run_fails_alone_and_says_why(fields, message, engine):
    done = pictures(engine, bad=tiny(**fields), good=tiny())
    assert isinstance(done["bad"].error, InvalidRequest)
    assert message in str(done["bad"].error)
    assert done["good"].error is None


def test_a_sampler_that_raises_in_mid_flight_fails_only_its_own_picture(tiny_model):
    alone = picture(Engine(Shelf(tiny_model)), tiny())
    engine = Engine(Shelf(tiny_model))
    engine.add("bad", tiny(steps=9))
    engine.add("good", tiny())
    step_until_denoising(engine, "good")
    task = engine.batcher.get("bad")
    assert task is not None
    task.sampler = None
    done = drain(engine)
    assert done["bad"].error is not None
    assert difference(done["good"].image, alone) <= TOLERANCE


def test_latents_that_are_not_finite_fail_their_own_picture_with_a_sentence(engine):
    engine.add("bad", tiny(steps=9))
    engine.add("good", tiny())
    step_until_denoising(engine, "good")
    task = engine.batcher.get("bad")
    assert task is not None
    task.latents = torch.full((1, 4, 8, 8), torch.nan)
    done = drain(engine)
    assert isinstance(done["bad"].error, NotFinite)
    assert "latents came out as NaN or infinity" in str(done["bad"].error)
    assert done["good"].error is None


def test_progress_counts_forwards_to_the_last(engine):
    engine.add("one", tiny(steps=5, sampler="pndm"))
    assert engine.progress("one").steps == 5
    seen = []
    while not engine.idle:
        engine.step()
        if not engine.idle:
            seen.append((engine.progress("one").step, engine.progress("one").steps))
    assert seen == [(done, 6) for done in range(7)]


def test_the_engine_leaves_the_global_generator_alone(engine):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    pictures(engine, one=tiny(sampler="euler_a"))
    assert torch.equal(torch.rand(3), expected)


def test_a_unet_with_inputs_that_nobody_gives_is_refused_when_it_is_loaded(tiny_folder):
    model = load("tiny", tiny_folder)
    model.unet.register_to_config(in_channels=7)
    with pytest.raises(ModelUnavailable, match="takes 7 input channels"):
        UNetModel(
            name="depth",
            unet=model.unet,
            vae=model.vae,
            text_encoders=model.text_encoders,
            scheduler_config=model.scheduler_config,
            device=model.device,
            dtype=model.dtype,
        )


@pytest.mark.parametrize(("family", "encoders"), [("sdxl", 1), ("sd1", 2)])
def test_text_encoders_that_do_not_fit_the_family_are_refused(tiny_folder, family, encoders):
    model = load("tiny", tiny_folder)
    model.family, model.text_encoders = family, (*model.text_encoders,) * encoders
    with pytest.raises(ModelUnavailable, match=f"{family}, which has . text encoders, not"):
        model._check_family()
