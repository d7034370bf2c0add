"""WebKitGTK, Safari's engine on Linux, by the WebDriver that Debian has for it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import httpx
import pytest

from tests.browsers.webdriver import Driver, Refused
from tests.running.addresses import free_port
from tests.running.waiting import until

MISSING = "no WebKitWebDriver and Xvfb are here; Debian: sudo apt install webkit2gtk-driver xvfb"

BROWSERS = "*/webkit2gtk-4.1/MiniBrowser", "*/webkit2gtk-4.0/MiniBrowser"

PATHS = {
    "Navigate": "url",
    "Back": "back",
    "SetWindowRect": "window/rect",
    "ExecuteScript": "execute/sync",
    "ExecuteAsyncScript": "execute/async",
    "PerformActions": "actions",
    "ElementClick": "element/{id}/click",
    "ElementClear": "element/{id}/clear",
    "ElementSendKeys": "element/{id}/value",
}

NARROW = """
toolbar *, headerbar *, entry, button, box { min-width: 0; padding: 0; margin: 0; border: 0 }
entry { font-size: 1px }
"""
"""Its window is as wide as its bar at least, which is wider than a phone."""


@contextmanager
def webkit(folder: Path) -> Iterator[Driver]:
    """A WebKitGTK on a screen of its own; without one the test is skipped, saying so."""
    driver, screen = shutil.which("WebKitWebDriver"), shutil.which("Xvfb")
    browser = next((each for name in BROWSERS for each in Path("/usr/lib").glob(name)), None)
    if driver is None or screen is None or browser is None:
        pytest.skip(MISSING)
    with ExitStack() as ending, (folder / "webkit.log").open("wb") as log:
        display = ending.enter_context(_display(screen, log))
        env = os.environ | {
            "DISPLAY": display,
            "GDK_BACKEND": "x11",
            "HOME": str(folder),
            "XDG_CONFIG_HOME": str(folder / ".config"),
            "LANG": "en_US.UTF-8",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "NO_AT_BRIDGE": "1",
        }
        style = folder / ".config" / "gtk-3.0" / "gtk.css"
        style.parent.mkdir(parents=True)
        style.write_text(NARROW)
        port = free_port()
        process = subprocess.Popen([driver, f"--port={port}"], stdout=log, stderr=log, env=env)
        ending.callback(process.wait, 20)
        ending.callback(process.terminate)
        url = f"http://127.0.0.1:{port}"
        client = ending.enter_context(httpx.Client(base_url=url, timeout=120))
        until(lambda: _answers(client), 30)
        options = {"binary": str(browser), "args": ["--automation"]}
        asked = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
        session = _value(client.post("/session", json={"capabilities": asked}))["sessionId"]
        ending.callback(client.delete, f"/session/{session}")

        def send(command: str, parameters: dict[str, Any]) -> Any:
            path = f"/session/{session}/"
            if command == "TakeScreenshot":
                return _value(client.get(path + "screenshot"))
            if command == "ReleaseActions":
                return _value(client.delete(path + "actions"))
            path += PATHS[command].format_map(parameters)
            return _value(client.post(path, json=parameters))

        yield Driver("webkit", send, _resize)


def _resize(driver: Driver, width: int, height: int) -> None:
    window = {"x": 0, "y": 0, "width": width, "height": height}
    driver.send("SetWindowRect", window)
    around = driver.run("return [outerWidth - innerWidth, outerHeight - innerHeight]")
    window |= {"width": width + around[0], "height": height + around[1]}
    driver.send("SetWindowRect", window)
    until(lambda: driver.run("return innerWidth") == width, 10)


def _value(answer: httpx.Response) -> Any:
    value = answer.json()["value"]
    if answer.is_error:
        raise Refused(value["error"], value["message"])
    return value


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/status").is_success
    except httpx.TransportError:
        return False


@contextmanager
def _display(program: str, log: IO[bytes]) -> Iterator[str]:
    """A screen that nobody sees; its name."""
    read, write = os.pipe()
    command = [
        program,
        "-displayfd",
        str(write),
        "-screen",
        "0",
        "2600x1600x24",
        "-nolisten",
        "tcp",
    ]
    screen = subprocess.Popen(command, stdout=log, stderr=log, pass_fds=[write])
    os.close(write)
    try:
        with os.fdopen(read) as said:
            yield f":{said.readline().strip()}"
    finally:
        screen.terminate()
        screen.wait(20)
