"""A server and a worker with the model that ships, for the clients that people have already."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs import devices
from jobs.devices import Role
from tests.compat.endpoints import client_of, listening, marked, proven, write_table
from tests.running.site import Site
from tests.server.conftest import app, client, data, server, store, worker

__all__ = ["app", "client", "data", "server", "store", "worker"]

MakeToken = Callable[..., str]


TABLE_TESTS = Path(__file__).with_name("test_table.py")

SENT = pytest.StashKey[list[tuple[str, str, str]]]()
"""Method, path and user agent of each request of a test."""

PROOFS = pytest.StashKey[dict[str, set[str]]]()
PASSED = pytest.StashKey[set[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-clients", type=Path, help="page for the table of what passed")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "endpoint(*routes): what of an API the test proves")
    config.stash[PROOFS], config.stash[PASSED] = {}, set()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The tests of the table look back on what others have proven.
    items.sort(key=lambda item: item.path == TABLE_TESTS)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Any:
    sent = item.stash.setdefault(SENT, [])
    with listening(lambda *request: sent.append(request)):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    if report.when == "call" and report.passed:
        item.config.stash[PASSED].add(item.nodeid)
        for method, path, agent in item.stash.get(SENT, []):
            for route in proven(marked(item), method, path):
                clients = item.config.stash[PROOFS].setdefault(route, set())
                clients.add(client_of(item, agent))
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    target: Path | None = session.config.getoption("--write-clients", None)
    if target is not None:
        write_table(target, session.config.stash[PROOFS])


@pytest.fixture
def proofs(pytestconfig: pytest.Config) -> dict[str, set[str]]:
    """The clients that have proven each endpoint in this run so far."""
    return pytestconfig.stash[PROOFS]


@pytest.fixture
def passed(pytestconfig: pytest.Config) -> set[str]:
    """The tests that have passed in this run so far."""
    return pytestconfig.stash[PASSED]


@pytest.fixture(scope="module")
def address(site: Site) -> str:
    """Where a real server with a real worker is."""
    return site.url


@pytest.fixture(scope="module")
def token(site: Site) -> MakeToken:
    """Makes a device of that server; returns its token."""

    def make(name: str, role: Role = "user") -> str:
        return devices.create(site.redis, name, role)[1]

    return make
