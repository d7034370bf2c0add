"""Text encoders that models.toml has dropped, the whole way: by HTTP, and after a restart."""

from __future__ import annotations

from pathlib import Path

import httpx
import numpy as np

from tests.running.site import site_in
from tests.tiny.pipelines.pipelines import save_tiny_flux
from tests.worker.families.comparing.asking import USUAL, made, picture


def test_pictures_are_those_of_the_whole_model_and_a_prompt_is_read_once(tmp_path: Path):
    save_tiny_flux(tmp_path / "flux")
    models = tmp_path / "models.toml"
    models.write_text(
        'default = "whole"\n[models.whole]\nsource = "flux"\n'
        '[models.dropped]\nsource = "flux"\ndrop_text_encoders = true\n'
    )
    asked = {**USUAL, "steps": 3, "seed": 5, "exact": True}
    with (
        site_in(tmp_path, models=models) as site,
        httpx.Client(base_url=site.url, timeout=90) as client,
    ):
        prompts = ("a red apple", "a green (heart:1.3)")
        jobs = [
            [made(client, **{**asked, "model": name, "prompt": each}) for each in prompts]
            for name in ("whole", "dropped")
        ]
        whole, dropped = ([picture(client, job) for job in each] for each in jobs)
        for one, other in zip(whole, dropped, strict=True):
            assert np.array_equal(one, other)
        kept = sorted((tmp_path / "embeddings").iterdir())
        assert len(kept) == 4  # two texts by two encoders
        site.worker.close()
        site.worker.start()
        again = picture(client, made(client, **{**asked, "model": "dropped"}))
        assert np.array_equal(again, whole[0])
        assert sorted((tmp_path / "embeddings").iterdir()) == kept
