"""Server-sent events as a client reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


class Events:
    """Server-sent events as a client reads them."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Frames: `id`, `event`, `data` (parsed), `retry`, and `comment`, where there."""
        frame: dict[str, Any] = {}
        for line in self._lines:
            if not line:
                if frame:
                    yield frame
                frame = {}
                continue
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            frame[name or "comment"] = json.loads(value) if name == "data" else value

    def named(self, *names: str) -> Iterator[dict[str, Any]]:
        """Only the events of these names."""
        return (frame for frame in self if frame.get("event") in names)


def events_of(text: str) -> list[dict[str, Any]]:
    """The frames of a whole stream."""
    return list(Events(iter(text.split("\n"))))
