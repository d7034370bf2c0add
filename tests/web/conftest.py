"""The page in a real browser, on a real API and a real worker with the model that ships."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from darkroom.supervision.process import Process
from darkroom.supervision.programs import api_command
from darkroom.supervision.redis_server import RedisServer
from jobs.connection import connect
from server.pages.page import FOLDER
from tests.server.helpers import free_port
from tests.web.browser import DESK, chromium
from tests.worker.process import WorkerProcess, until


class Site:
    """A worker, and the API on a port that it keeps when it is stopped and started again."""

    def __init__(self, redis_url: str, data: Path, worker: WorkerProcess) -> None:
        self.worker = worker
        self.data = data
        self.redis_url = redis_url
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = data / "server.log"
        self.environment = {"REDIS_URL": redis_url, "DATA": str(data), "PORT": str(port)}
        self.start()

    def start(self) -> None:
        self.process = Process(api_command(), log=self.log, environment=self.environment)
        until(self.answers)

    def stop(self) -> None:
        self.process.stop(grace=20)

    def answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/api/v1/health", timeout=2).is_success
        except httpx.TransportError:
            assert self.process.exit_code() is None, self.process.last_lines()
            return False


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Not for longer: while it runs, nothing else in this process has an event loop of its own.
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Redis, API and worker, shared by the tests of a module."""
    assert (FOLDER / "index.html").is_file(), "the page is not built: sh clients/web/build.sh"
    data = tmp_path_factory.mktemp("data")
    with RedisServer(data / "redis") as redis, connect(redis.url) as client:
        worker = WorkerProcess(client, redis.url, data)
        site = Site(redis.url, data, worker)
        yield site
        site.stop()
        worker.close()


Visit = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Visit]:
    """Opens the page in a fresh browser profile; it must say nothing on the console.

    `visit(size, noise="...", path="#/gallery", **context_options)`: `noise` is what a line of the
    console may contain; English unless `locale` says otherwise.
    """
    contexts, said = [], []

    def open_page(
        size: ViewportSize = DESK, *, noise: str = "", path: str = "", **options: object
    ) -> Page:
        phone = size["width"] < 600
        settings = {"locale": "en-US", "viewport": size, "has_touch": phone, "is_mobile": phone}
        context = browser.new_context(**settings | options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on(
            "console",
            lambda line: None if noise and noise in line.text else said.append(line.text),
        )
        page.goto(f"{site.url}/{path}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []
