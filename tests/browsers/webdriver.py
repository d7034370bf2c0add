"""WebDriver, the W3C's protocol by which every browser is driven, over whatever carries it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The key by which the protocol says that a value is an element of the page."""

Send = Callable[[str, dict[str, Any]], Any]
"""Sends a command by its name in the protocol, and gives what it gave back."""


class Refused(Exception):
    """The browser did not do what it was told: `error` is the protocol's word for why."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__(f"{error}: {message}")
        self.error = error


class Driver:
    """One window of a browser; it is `width` by `height` pixels inside once `resize` was called."""

    def __init__(self, name: str, send: Send, resize: Callable[[Driver, int, int], None]) -> None:
        self.name = name
        self.send = send
        self._resize = resize

    def go(self, url: str) -> None:
        self.send("Navigate", {"url": url})

    def back(self) -> None:
        self.send("Back", {})

    def resize(self, width: int, height: int) -> None:
        self._resize(self, width, height)

    def run(self, script: str, *arguments: Any) -> Any:
        """What a function's body returns in the page; an element is a dictionary."""
        return self.send("ExecuteScript", {"script": script, "args": list(arguments)})

    def wait(self, script: str, *arguments: Any) -> Any:
        """What a function's body gives to its last argument, in the page."""
        return self.send("ExecuteAsyncScript", {"script": script, "args": list(arguments)})

    def click(self, element: dict[str, str]) -> None:
        """Press the middle of an element; refused where something else lies over it."""
        self.send("ElementClick", {"id": element[ELEMENT]})

    def clear(self, element: dict[str, str]) -> None:
        self.send("ElementClear", {"id": element[ELEMENT]})

    def type(self, element: dict[str, str], text: str) -> None:
        """Type into an element, or give a file field the path of a file."""
        self.send("ElementSendKeys", {"id": element[ELEMENT], "text": text})

    def drag(self, *places: tuple[float, float]) -> None:
        """Press the mouse at the first place of the window, and let go at the last."""
        first, *others = ({"x": round(x), "y": round(y)} for x, y in places)
        move = {"type": "pointerMove", "origin": "viewport"}
        actions = [
            {**move, **first, "duration": 0},
            {"type": "pointerDown", "button": 0},
            *({**move, **place, "duration": 30} for place in others),
            {"type": "pointerUp", "button": 0},
        ]
        pointer = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}}
        self.send("PerformActions", {"actions": [{**pointer, "actions": actions}]})
        self.send("ReleaseActions", {})

    def screenshot(self) -> bytes:
        """What the window shows, as PNG."""
        return base64.b64decode(self.send("TakeScreenshot", {"full": False}))
