"""Lets devices of the network find this server by itself: multicast DNS, `_darkroom._tcp`."""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from contextlib import suppress
from threading import Thread

from zeroconf import Error, ServiceInfo, Zeroconf

from jobs.settings import Settings

log = logging.getLogger(__name__)

TYPE = "_darkroom._tcp.local."

USUAL = Settings.model_fields["port"].default


class Advertisement:
    """Says where this server is, for as long as it is open.

    A network without multicast, or none at all, costs the advertisement and nothing else: it is
    made by a thread of its own, and what goes wrong there is logged.
    """

    def __init__(self, port: int, addresses: Sequence[str], properties: dict[str, str]) -> None:
        self._zeroconf: Zeroconf | None = None
        machine = socket.gethostname().partition(".")[0]
        # Of two servers of one machine a phone shows which is which.
        which = "" if port == USUAL else f" at {port}"
        self._addresses = list(addresses)
        self._info = ServiceInfo(
            TYPE,
            f"Darkroom on {machine}"[:50] + f"{which}.{TYPE}",
            port=port,
            properties=properties,
            server=f"{machine}.local.",
            parsed_addresses=self._addresses,
        )
        # Registering asks the network first whether the name is taken, which takes a second.
        self._thread = Thread(target=self._register, name="mdns", daemon=True)
        self._thread.start()

    def _register(self) -> None:
        try:
            self._zeroconf = Zeroconf(interfaces=self._addresses)
            self._zeroconf.register_service(self._info, allow_name_change=True)
        except (OSError, Error) as error:
            log.warning("The network is not told of this server: %s", str(error) or repr(error))

    def close(self) -> None:
        """Take it back."""
        self._thread.join(5)
        if self._zeroconf is not None:
            with suppress(OSError, Error):
                self._zeroconf.close()
            self._zeroconf = None
