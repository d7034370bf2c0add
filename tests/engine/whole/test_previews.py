"""Previews of pipelines that run whole."""

import numpy as np
import pytest
import torch

from tests.engine.helpers import difference
from tests.engine.whole.helpers import (
    SIZES,
    asked,
    developed,
    finish,
    whole,
)
from worker.engine.whole.preview import Decoder
from worker.engine.whole.run import WholeRun

# numpy 2.4 deprecates how torch 2.13 hands it an array, in diffusers' own DPM-Solver.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_a_preview_appears_after_the_first_step_and_changes_nothing(kind, models):
    model = models[kind]
    expected = developed(model, asked(kind))
    run = WholeRun(model, asked(kind))
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
    run = WholeRun(models[kind], asked(kind))
    for _ in range(4):
        run.advance()
    predicted, latents = run._walk._watch.predicted(run._walk._latents), run._walk._latents
    run.cancel()
    assert torch.allclose(predicted, latents, atol=1e-5)


@pytest.mark.parametrize("kind", ["sd3", "flux", "qwen"])
def test_a_preview_in_the_middle_is_where_the_last_two_latents_point(kind, models):
    model = models[kind]
    run = WholeRun(model, asked(kind))
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
    run = WholeRun(model, asked(kind))
    for _ in range(4):
        run.advance()
    latents = model.preview.unpacked(run._walk._latents, SIZES[kind], SIZES[kind])
    with torch.inference_mode():
        decoded = Decoder(model.pipeline.vae)(latents)[0]
    run.advance()
    colours = ((decoded / 2 + 0.5).clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0)
    assert difference(colours.numpy(), run.image) <= 1


def test_a_pipeline_without_a_decoder_that_we_know_has_no_preview_and_still_a_picture(folders):
    model = whole(folders["flux"])
    model.preview = None
    run = WholeRun(model, asked("flux"))
    run.advance()
    assert run.preview() is None
    assert finish(run).image is not None
