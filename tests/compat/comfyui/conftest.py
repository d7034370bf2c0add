"""A running server with a model that has everything, and a worker that ends each job at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from darkroom.supervision.redis_server import RedisServer
from jobs.connection import connect
from jobs.pictures.image_store import ImageStore
from jobs.records.workers import WorkerInfo
from tests.card import make_card
from tests.compat.a1111.client import Quick
from tests.compat.comfyui.client import Comfy
from tests.running.api import Server
from tests.running.hand_worker import HandWorker

SMALL = make_card(
    upscalers=[{"name": "sharp-4x", "title": "Sharp 4x"}],
    controlnets=[{"name": "edges"}],
    loras=[{"name": "ink"}],
    ip_adapters=[{"name": "ip-adapter-plus_sd15"}, {"name": "ip-adapter_sd15"}],
    embeddings=[{"name": "bad-hands"}],
)
OTHER = make_card(name="other", default=False)


@pytest.fixture(scope="module")
def hand(redis_server: RedisServer, data: Path) -> Iterator[HandWorker]:
    """A worker whose every move a test makes, with a Redis that was empty before."""
    with connect(redis_server.url) as redis:
        redis.flushall()
        worker = HandWorker(redis, ImageStore(str(data / "images")))
        info = worker.info.model_dump() | {"models": [SMALL, OTHER]}
        worker.info = WorkerInfo.model_validate(info)
        worker.advertise()
        yield worker
        redis.flushall()


@pytest.fixture(scope="module")
def comfy(hand: HandWorker, server: Server) -> Iterator[Comfy]:
    """The API, whose jobs all end as soon as they are queued."""
    with (
        Quick(hand.redis, hand) as quick,
        httpx.Client(base_url=server.url, timeout=60) as client,
    ):
        yield Comfy(server.url, client, quick)


@pytest.fixture(scope="module")
def idle(hand: HandWorker, server: Server) -> Iterator[Comfy]:
    """The API, whose jobs wait for what the test does."""
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield Comfy(server.url, client, Quick(hand.redis, hand))
