"""How many pictures share a forward, as an operator bounds it."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.running.site import site_in
from tests.tiny.models import save_tiny
from tests.worker.families.comparing.asking import made, picture, rows_since, settled


@pytest.mark.slow
def test_a_forward_takes_no_more_rows_than_was_said(tmp_path: Path):
    save_tiny("sd1", tmp_path / "sd1")
    models = tmp_path / "models.toml"
    models.write_text('[models.sd1]\nsource = "sd1"\n')
    asked = {"prompt": "a red apple", "width": 32, "height": 32, "steps": 3, "sampler": "ddim"}
    with (
        site_in(tmp_path / "data", models=models, max_rows=4) as site,
        httpx.Client(base_url=site.url) as client,
    ):
        picture(client, made(client, **asked))
        before = settled(client, "sd1")
        with site.worker.held():
            jobs = [made(client, **asked, seed=seed) for seed in range(6)]
        for job in jobs:
            picture(client, job)
        total, forwards = rows_since(client, "sd1", before, 6 * 2 * 3)
    assert total == 6 * 2 * 3
    assert forwards >= total / 4
