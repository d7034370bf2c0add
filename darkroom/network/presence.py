"""How the network comes to know this server: its certificate and its advertisement."""

from __future__ import annotations

import ssl
from types import TracebackType

from darkroom import __version__, machine
from darkroom.network import tls
from darkroom.network.mdns import Advertisement
from jobs.settings import Settings
from jobs.whereabouts import here
from jobs.whereabouts.addresses import is_loopback


class Network:
    """Keeps both fitting while this machine's addresses change."""

    def __init__(self, chosen: Settings) -> None:
        self._settings = chosen
        self.trusted: ssl.SSLContext | None = None
        """What this machine itself connects with, once there is a certificate."""
        self._advertisement: Advertisement | None = None
        self._addresses: list[str] = []

    def __enter__(self) -> Network:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._withdraw()

    def certify(self) -> None:
        """Have a certificate that fits, if there is to be one. Raises OSError."""
        if not self._settings.tls:
            return
        if tls.ensure(self._settings.tls_folder, machine.names(self._settings)) or not self.trusted:
            self.trusted = tls.trusting(self._settings.tls_folder)

    def advertise(self) -> None:
        """Tell the network, if it is to know; never waits and never fails."""
        chosen = self._settings
        if not chosen.mdns or is_loopback(chosen.host):
            return
        self._addresses = self._own_addresses()
        if not self._addresses:
            return
        properties = {
            "version": __version__,
            "api": "/api/v1",
            "tls": "1" if chosen.tls else "0",
            "pair": "none" if chosen.open else "/pair",
        }
        if chosen.tls:
            properties["ca"] = here.fingerprint(chosen.tls_folder)
        self._advertisement = Advertisement(chosen.port, self._addresses, properties)

    def tend(self) -> None:
        """Follow the machine to another network; to be called about once a minute."""
        self.certify()
        if self._addresses != self._own_addresses():
            self._withdraw()
            self.advertise()

    def _own_addresses(self) -> list[str]:
        found = machine.lan_addresses()
        host = self._settings.host
        return [each for each in found if machine.is_everywhere(host) or each == host]

    def _withdraw(self) -> None:
        if self._advertisement is not None:
            self._advertisement.close()
            self._advertisement = None
