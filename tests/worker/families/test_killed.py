"""A worker is killed under pictures of all that shapes one: each comes out as it would have."""

from __future__ import annotations

from collections.abc import Mapping

import httpx
import pytest

from jobs.queue import leases
from tests.engine.helpers import difference
from tests.features.development import photograph
from tests.running.site import Site
from tests.running.waiting import until
from tests.worker.families.comparing.asking import USUAL, Fields, data_uri, ended, made, picture
from worker.engine import TOLERANCE

SHOWN = data_uri(photograph(32, seed=31))

ASKED: Mapping[str, Fields] = {
    "controls": {"controls": [{"model": "edges", "image": SHOWN}]},
    "ip_adapters": {"ip_adapters": [{"model": "sd1-base", "images": [SHOWN]}]},
    "regions": {"regions": [{"prompt": "a rocket", "box": {"width": 0.5}}]},
    "tiling": {"tiling": "x"},
    "freeu": {"freeu": {"b1": 1.4, "b2": 1.6, "s1": 0.9, "s2": 0.2}},
    "pag_scale": {"pag_scale": 4.0},
    "cfg_plus_plus": {"cfg_plus_plus": True, "guidance_scale": 2.0},
    "prompt": {"prompt": "a [red:green:0.5] [apple|pear]"},
}


@pytest.mark.slow
def test_whatever_shapes_pictures_a_killed_worker_changes_none(site: Site, client: httpx.Client):
    usual: Fields = {**USUAL, "model": "sd1", "sampler": "ddim", "steps": 25, "seed": 6}
    before = {name: made(client, **usual | fields) for name, fields in ASKED.items()}
    pictures = {name: picture(client, job) for name, job in before.items()}
    jobs = {name: made(client, **usual | fields) for name, fields in ASKED.items()}
    until(
        lambda: all(
            (client.get(job).json()["progress"] or {"step": 0})["step"] for job in jobs.values()
        ),
        60,
    )
    site.worker.kill()
    assert leases.end_leases(site.redis, site.worker.name) == len(jobs)
    site.worker.start()
    for name, job in jobs.items():
        assert ended(client, job)["attempts"] == 2, name
        assert difference(picture(client, job), pictures[name]) <= TOLERANCE, name
