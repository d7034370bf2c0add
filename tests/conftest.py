"""What every folder of tests shares: a real Redis, emptied around each test."""

from __future__ import annotations

import gc
import os
import shlex
import shutil
import sys
import tempfile

# Tiny models are slower on two threads than on one, half the time of a whole run: what a step
# does is less than what the threads tell each other. Workers that the tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# What a test starts without a folder of its own does not write into this checkout's.
os.environ["DATA"] = tempfile.mkdtemp(prefix="darkroom-tests-")

from collections.abc import Iterator

import httpx
import pytest
from execnet import XSpec
from redis import Redis
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from darkroom.supervision.redis_server import RedisServer
from jobs.connection import connect
from tests.running.apps import Apps
from tests.running.kept import Kept
from tests.running.processes import program
from tests.running.services.redis import redis_in
from tests.running.site import Site, site_in
from tests.web.browser import NO_CHROMIUM

# What collecting makes stays: to walk it for garbage is a tenth of the time that collecting takes.
gc.disable()

SLOWEST = ("test_faults.py", "test_live.py", "test_up.py", "test_command.py")
"""Files that take minutes: begun first, so that no process is left alone with one at the end."""

SHARED = {
    "tests/adding",
    "tests/catalogue",
    "tests/conditions",
    "tests/edits",
    "tests/engine/whole",
    "tests/features",
    "tests/pretended",
    "tests/web/gallery",
    "tests/web/models",
    "tests/worker/families",
}
"""Folders whose files use one server or some models together: one process runs all of them, and
they begin next, since they are long."""


class ByFile(LoadFileScheduling):
    """Gives a process a file at a time, and a shared folder as if it were one file."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        folder = file.rpartition("/")[0]
        return folder if folder in SHARED else file


def pytest_xdist_setupnodes(specs: list[XSpec]) -> None:
    """The processes of the tests are forked from what their programs are forked from; this one
    collects nothing itself."""
    gc.enable()
    if program.share_forks():
        python = f"{shlex.quote(sys.executable)} -m tests.running.processes.forked"
        specs[:] = [XSpec(f"popen//python={python}")] * len(specs)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    """How the tests are given to several processes."""
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest first."""

    def turn(item: pytest.Item) -> int:
        if item.path.name in SLOWEST:
            return 0
        return 1 if item.nodeid.rsplit("/", 1)[0] in SHARED else 2

    items.sort(key=turn)


def pytest_collection_finish() -> None:
    """From here on garbage is only looked for in what tests make."""
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    """Leave nothing behind."""
    shutil.rmtree(os.environ["DATA"], ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says last, where nobody overlooks it, that the page was not tested in a browser."""
    skipped = terminalreporter.stats.get("skipped", [])
    left_out = sum(NO_CHROMIUM in str(report.longrepr) for report in skipped)
    if left_out:
        terminalreporter.section("NOT TESTED", red=True, bold=True)
        terminalreporter.line(
            f"{left_out} tests in a browser were left out: {NO_CHROMIUM}", red=True
        )


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis of this test run's own, as `darkroom up` starts it."""
    with redis_in(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_url(redis: Redis, redis_server: RedisServer) -> str:
    """The URL of the Redis, empty."""
    return redis_server.url


@pytest.fixture
def redis(redis_server: RedisServer) -> Iterator[Redis]:
    """A client of the Redis, which is empty before and after the test."""
    client = connect(redis_server.url)
    client.flushall()
    yield client
    client.flushall()
    client.close()


@pytest.fixture(scope="session")
def apps() -> Iterator[Apps]:
    """The applications of this test process."""
    apps = Apps()
    yield apps
    apps.close()


@pytest.fixture(scope="session")
def kept() -> Iterator[Kept]:
    """What a folder of tests shares, for as long as this test process is in that folder."""
    kept = Kept()
    yield kept
    kept.close()


@pytest.fixture(scope="session")
def one_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with site_in(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture(scope="module")
def site(one_site: Site) -> Site:
    """Redis, the API and a worker, one of each for a test process and emptied for each module.

    Who stops or kills a part of it starts that part again.
    """
    one_site.empty()
    return one_site


@pytest.fixture(scope="module")
def client(site: Site) -> Iterator[httpx.Client]:
    """Asks the site."""
    with httpx.Client(base_url=site.url, timeout=120) as client:
        yield client


@pytest.fixture
def live_url(site: Site) -> str:
    """The address of the API, with a worker."""
    return site.url
