"""Darkroom as a whole: Redis, the API, and a worker with the model that ships."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis

from jobs.connection import connect
from jobs.records.workers import CATALOGUE, WORKERS
from tests.running.api import Server
from tests.running.paths import REPOSITORY
from tests.running.services.redis import redis_in
from tests.running.waiting import until
from tests.running.worker import WorkerProcess

STEPS = 3
SIDE = 96
"""Steps and pixels of a picture that does not say: no seed of some thousand drew a plain area with
them, as one in forty does at 64 pixels, where the model draws at half of its own size."""

WORKERS_OWN = tuple(name.encode() for name in (WORKERS, "darkroom:worker:", CATALOGUE, "rq:worker"))
"""How the keys begin by which a worker that is alive is known."""


class Site:
    """A whole server; `worker` and `server` may be stopped and started again."""

    def __init__(self, redis: Redis, redis_url: str, data: Path, **settings: object) -> None:
        self.redis = redis
        self.redis_url = redis_url
        self.data = data
        self.worker = WorkerProcess(redis, redis_url, data, **settings)
        # On every address: phones come by the network's.
        self.server = Server(redis_url, data, host="0.0.0.0")

    @property
    def url(self) -> str:
        return self.server.url

    def empty(self) -> None:
        """As if it had just been started: it runs, and no job, device or setting is in Redis."""
        if self.worker.process.poll() is not None:
            self.worker.start()
        if self.server.process.poll() is not None:
            self.server.start()
        self._forget()
        # A worker drops jobs whose leases are gone; what it still wrote of them goes too.
        until(lambda: (info := self.worker.info) and info.running == 0)
        self._forget()

    def _forget(self) -> None:
        if jobs := [key for key in self.redis.scan_iter() if not key.startswith(WORKERS_OWN)]:
            self.redis.delete(*jobs)

    def close(self) -> None:
        self.server.kill()
        self.worker.close()


@contextmanager
def site_in(data: Path, **settings: object) -> Iterator[Site]:
    """A whole server with its data in a folder, for as long as the block lasts."""
    settings.setdefault("models", _shipped(data))
    with redis_in(data / "redis") as server, connect(server.url) as redis:
        site = Site(redis, server.url, data, **settings)
        try:
            yield site
        finally:
            site.close()


def _shipped(data: Path) -> Path:
    """The models that ship, with fewer steps and pixels."""
    written = (REPOSITORY / "models.toml").read_text()
    fewer = written.replace("steps = 20", f"steps = {STEPS}")
    smaller = f'width = {SIDE}\nheight = {SIDE}\nsizes = ["{SIDE}x{SIDE}", "128x128"]'
    fewer = fewer.replace('sizes = ["128x128"]', smaller)
    data.mkdir(parents=True, exist_ok=True)
    file = data / "models-that-ship.toml"
    file.write_text(fewer.replace('source = "models/', f'source = "{REPOSITORY}/models/'))
    return file
