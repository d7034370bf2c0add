"""Ports to listen on, and this machine as others see it."""

from __future__ import annotations

import os
import socket
from itertools import count

import pytest

from jobs.whereabouts import here

FIRST, LAST = 12_000, 32_000
"""Below those that the kernel gives to outgoing connections: none takes a port that was chosen."""

_tried = count(os.getpid() * 101)
"""Where this process begins to look: elsewhere than the test process beside it."""


def free_port() -> int:
    """A port of loopback that nobody listens on, another one at each call."""
    for number in _tried:
        port = FIRST + number % (LAST - FIRST)
        with socket.socket() as probe:
            # As servers bind: a port that only lingers from an earlier connection is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
            return port
    raise AssertionError("unreachable: count() has no end")


def lan_address() -> str:
    """This machine as others of its network reach it; without one the test is skipped."""
    addresses = here.lan_addresses()
    if not addresses:
        pytest.skip("this machine is on no network, so everything on it is its owner")
    return addresses[0]
