"""Firefox, by the door that it has built in: WebDriver's commands over a socket (Marionette)."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from tests.browsers.webdriver import Driver, Refused
from tests.running.waiting import until

NAMES = ("firefox-esr", "firefox")

MISSING = "no Firefox is on the PATH; Debian: sudo apt install firefox-esr"

PREFERENCES = {
    "marionette.port": 0,  # any that is free; the profile says which
    "intl.accept_languages": "en-US",
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "devtools.jsonview.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.enabled": False,
    # It works a mouse, of which it finds none on a machine without a screen.
    "ui.primaryPointerCapabilities": 6,
    "ui.allPointerCapabilities": 6,
}

NARROW = """
const page = gBrowser.selectedBrowser;
for (const [side, length] of [["width", arguments[0]], ["height", arguments[1]]]) {
  page.style.setProperty(`min-${side}`, `${length}px`);
  page.style.setProperty(`max-${side}`, `${length}px`);
}
"""
"""Firefox makes no window as narrow as a phone, but shows a page in a part of one."""


@contextmanager
def firefox(folder: Path) -> Iterator[Driver]:
    """A Firefox that shows nothing on any screen; without one the test is skipped, saying so."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(MISSING)
    profile = folder / "profile"
    profile.mkdir()
    lines = (f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in PREFERENCES.items())
    (profile / "user.js").write_text("\n".join(lines))
    options = ["--headless", "--no-remote", "--marionette", "--remote-allow-system-access"]
    with (folder / "firefox.log").open("wb") as log:
        process = subprocess.Popen(
            [program, *options, "--profile", str(profile)], stdout=log, stderr=log
        )
    try:
        port = profile / "MarionetteActivePort"
        until(lambda: port.is_file() and port.read_text().strip(), 90)
        with (
            socket.create_connection(("127.0.0.1", int(port.read_text())), 120) as door,
            door.makefile("rb") as heard,
        ):
            wire = _Wire(door, heard)
            wire.send("NewSession", {"capabilities": {"alwaysMatch": {}}})
            yield Driver("firefox", wire.send, _resize)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _resize(driver: Driver, width: int, height: int) -> None:
    driver.send("SetWindowRect", {"width": max(width, 600), "height": height + 150})
    driver.send("Marionette:SetContext", {"value": "chrome"})
    driver.run(NARROW, width, height)
    driver.send("Marionette:SetContext", {"value": "content"})
    until(lambda: driver.run("return innerWidth") == width, 10)


class _Wire:
    """Messages of Marionette: a length, a colon, and an array as JSON."""

    def __init__(self, door: socket.socket, heard: IO[bytes]) -> None:
        self._door = door
        self._file = heard
        self._last = 0
        self._receive()  # who it is

    def send(self, command: str, parameters: dict[str, Any]) -> Any:
        self._last += 1
        name = command if ":" in command else f"WebDriver:{command}"
        message = json.dumps([0, self._last, name, parameters]).encode()
        self._door.sendall(b"%d:%b" % (len(message), message))
        _, number, error, result = self._receive()
        assert number == self._last
        if error:
            raise Refused(error["error"], error["message"])
        return result.get("value") if isinstance(result, dict) else result

    def _receive(self) -> Any:
        length = b""
        while (read := self._file.read(1)) != b":":
            assert read, "Firefox hung up"
            length += read
        return json.loads(self._file.read(int(length)))
