"""Sends bodies as clients do, and finds out which job each became."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from darkroom.supervision.redis_server import RedisServer
from jobs.connection import connect
from jobs.pictures.image_store import ImageStore
from jobs.records.workers import WorkerInfo
from server.app import create_app
from server.resources import of
from tests.card import make_card
from tests.compat.a1111.client import Quick
from tests.compat.a1111.sender import Sender
from tests.running.hand_worker import HandWorker

SMALL = make_card(
    factor=16,
    upscalers=[{"name": "sharp-4x", "title": "Sharp 4x"}],
    controlnets=[{"name": "edges"}],
    face_restorers=[{"name": "restoreformer"}, {"name": "gfpganv1.4"}],
    loras=[{"name": "ink"}],
    sha256="ab" * 32,
)
OTHER = make_card(name="other", default=False, sha256="cd" * 32, steps=7)
FLUX = make_card(
    name="flux-dev",
    default=False,
    family="flux",
    samplers=["euler"],
    sampler="euler",
    distilled_guidance=True,
)


@pytest.fixture(scope="module")
def send(redis_server: RedisServer, data: Path) -> Iterator[Sender]:
    """One application and one worker for all of a file: no test of a field leaves a trace."""
    app = create_app(redis_server.url, str(data / "images"))
    with connect(redis_server.url) as redis:
        redis.flushall()
        worker = HandWorker(redis, ImageStore(str(data / "images")))
        info = worker.info.model_dump() | {"models": [SMALL, OTHER, FLUX]}
        worker.info = WorkerInfo.model_validate(info)
        worker.advertise()
        with Quick(redis, worker) as quick:
            yield Sender(app.test_client(), quick)
        of(app).close()
        redis.flushall()
