"""Previews: small pictures of unfinished latents."""

import numpy as np
import torch
from PIL import Image

from tests.engine.helpers import Shelf, load, picture, tiny
from worker.engine import Engine, ImageRequest
from worker.engine.preview import LatentPreview

REQUEST = ImageRequest("shipped", "green heart", "", 128, 128, 12, 5.0, 3, "euler")


def preview_at(engine: Engine, step: int) -> np.ndarray:
    engine.add("one", REQUEST)
    while engine.progress("one").step < step:
        engine.step()
    preview = engine.preview("one")
    assert preview is not None
    return preview


def test_a_preview_late_in_the_walk_resembles_the_picture(shipped_model):
    preview = preview_at(Engine(Shelf(shipped_model)), 9)
    final = picture(Engine(Shelf(shipped_model)), REQUEST)
    assert preview.shape == (16, 16, 3)
    assert preview.dtype == np.uint8
    small = np.asarray(Image.fromarray(final).resize((16, 16), Image.Resampling.BOX))
    assert np.corrcoef(preview.flatten(), small.flatten())[0, 1] > 0.6


def test_there_is_no_preview_before_the_first_step(engine):
    engine.add("one", tiny())
    assert engine.preview("one") is None
    engine.step()
    assert engine.preview("one") is None
    engine.step()
    assert engine.preview("one") is not None


def test_looking_at_a_preview_does_not_change_the_picture(tiny_model):
    watched, unwatched = Engine(Shelf(tiny_model)), Engine(Shelf(tiny_model))
    expected = picture(unwatched, tiny(sampler="pndm"))
    watched.add("one", tiny(sampler="pndm"))
    finished = []
    while not finished:
        watched.preview("one")
        finished = watched.step()
    assert np.array_equal(finished[0].image, expected)


def test_the_map_is_the_same_each_time_a_model_is_loaded(tiny_folder):
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    pictures = [load("tiny", tiny_folder).preview(latents) for _ in range(2)]
    assert np.array_equal(*pictures)


def test_latents_that_are_not_finite_still_have_a_preview(tiny_model):
    fitted = LatentPreview.fit(
        tiny_model.autoencoder.decoded, tiny_model.latent_channels, tiny_model.device
    )
    assert fitted(torch.full((1, 4, 8, 8), torch.nan)).shape == (8, 8, 3)
