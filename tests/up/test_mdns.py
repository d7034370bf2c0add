"""How a phone finds the server by itself, as a browser of the same protocol sees it."""

from __future__ import annotations

import gc
import logging
import queue
from collections.abc import Iterator
from contextlib import closing

import pytest
from zeroconf import ServiceBrowser, ServiceInfo, ServiceListener, Zeroconf

from darkroom import machine
from darkroom.network.mdns import TYPE, Advertisement
from darkroom.network.presence import Network
from jobs.settings import Settings

PORT = 7899


class Finder(ServiceListener):
    """What was found at PORT, and what went away again: others may be on the network."""

    def __init__(self) -> None:
        self.found: queue.Queue[ServiceInfo] = queue.Queue()
        self.gone: queue.Queue[str] = queue.Queue()

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        info = zc.get_service_info(type_, name)
        if info is not None and info.port == PORT:
            self.found.put(info)

    def update_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        pass

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self.gone.put(name)


@pytest.fixture
def finder() -> Iterator[Finder]:
    finder = Finder()
    zeroconf = Zeroconf(interfaces=["127.0.0.1", *machine.lan_addresses()])
    ServiceBrowser(zeroconf, TYPE, finder)
    yield finder
    zeroconf.close()


def test_a_server_is_found_with_what_one_needs_to_know(finder: Finder):
    said = {"version": "1.2", "tls": "0", "pair": "/pair"}
    with closing(Advertisement(PORT, ["127.0.0.1"], said)):
        info = finder.found.get(timeout=20)
    # Another server of this machine may say more addresses of the same name.
    assert "127.0.0.1" in info.parsed_addresses()
    assert info.decoded_properties == said
    assert info.name.startswith("Darkroom on ")
    assert info.name.endswith(f" at {PORT}.{TYPE}")
    assert finder.gone.get(timeout=20) == info.name


# zeroconf leaves its first socket to the garbage collector where it cannot have the second.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_network_without_multicast_costs_only_the_advertisement(
    caplog: pytest.LogCaptureFixture,
):
    # An address of no interface here (RFC 5737): binding to it fails.
    with caplog.at_level(logging.WARNING):
        advertisement = Advertisement(PORT, ["203.0.113.9"], {})
        advertisement.close()
    assert "is not told of this server" in caplog.text
    gc.collect()


@pytest.mark.parametrize(
    "chosen", [{"mdns": False}, pytest.param({"host": "127.0.0.1"}, marks=pytest.mark.slow)]
)
def test_nothing_is_said_where_nobody_is_to_come(finder: Finder, chosen: dict[str, object]):
    with Network(Settings(port=PORT, **chosen)) as network:
        network.advertise()
        with pytest.raises(queue.Empty):
            finder.found.get(timeout=2.5)


def test_a_running_server_says_whether_it_has_tls_and_where_one_pairs(finder: Finder):
    if not machine.lan_addresses():
        pytest.skip("this machine is on no network")
    with Network(Settings(port=PORT)) as network:
        network.advertise()
        info = finder.found.get(timeout=20)
    assert info.decoded_properties["pair"] == "/pair"
    assert info.decoded_properties["tls"] == "0"
    assert set(info.parsed_addresses()) >= set(machine.lan_addresses())
