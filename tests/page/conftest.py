"""The page in a real browser, on a real API and a real worker with the model that ships."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from darkroom.commands import api_command
from darkroom.process import Process
from darkroom.redis_server import RedisServer
from jobs.connection import connect
from tests.server.helpers import free_port
from tests.worker.process import WorkerProcess, until

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

FLAGS = [
    "--no-sandbox",  # a container has no user namespaces to build one from
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
)
"""The strictest Content-Security-Policy that the page is meant to live under."""

PHONE = ViewportSize(width=360, height=740)
DESK = ViewportSize(width=1440, height=900)


class Site:
    """A worker, and the API on a port that it keeps when it is stopped and started again."""

    def __init__(self, redis_url: str, data: Path, worker: WorkerProcess) -> None:
        self.worker = worker
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
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip("no Chromium is on the PATH; Debian, Ubuntu: sudo apt install chromium")
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Redis, API and worker, shared by the tests of a module."""
    data = tmp_path_factory.mktemp("data")
    with RedisServer(data / "redis") as redis, connect(redis.url) as client:
        worker = WorkerProcess(client, redis.url, data)
        site = Site(redis.url, data, worker)
        yield site
        site.stop()
        worker.close()


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Callable[..., Page]]:
    """Opens the page in a fresh browser profile; it must say nothing on the console."""
    contexts, said = [], []

    def open_page(size: ViewportSize = DESK, noise: str = "") -> Page:
        phone = size["width"] < 600
        context = browser.new_context(viewport=size, has_touch=phone, is_mobile=phone)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on(
            "console",
            lambda line: None if noise and noise in line.text else said.append(line.text),
        )

        def under_policy(route):
            answer = route.fetch()
            route.fulfill(
                response=answer, headers={**answer.headers, "Content-Security-Policy": POLICY}
            )

        page.route(site.url + "/", under_policy)
        page.goto(site.url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []
