"""Server-sent events, read line by line, and where to go on when the connection breaks."""

from __future__ import annotations

import json
import time

import httpx

from darkroom_client import errors, records
from darkroom_client.calls import Call, Patience, Where, get
from darkroom_client.records import Done, Event, Job

SILENCE = 40.0
"""Seconds without a line after which a connection is dead: the server sends one every 15."""

SHORTEST = 0.2
"""Seconds a connection is given at least, however near the deadline."""


class Lines:
    """Server-sent events of their lines (the HTML standard's section 9.2.6)."""

    def __init__(self, last_id: str) -> None:
        self.last_id = last_id
        self._begin()

    def _begin(self) -> None:
        self._name = "message"
        self._data: list[str] = []

    def take(self, line: str) -> Event | None:
        """The event that this line completes, if it does."""
        if not line:
            name, data = self._name, "\n".join(self._data)
            self._begin()
            return records.event(name, json.loads(data), self.last_id) if data else None
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._name = value
        elif name == "id":
            self.last_id = value
        elif name == "data":
            self._data.append(value)
        return None


class Follow:
    """The events of one job up to its end, or of all jobs without one, over many connections.

    `request()` opens a connection; its answer goes to `opened`, its lines to `take`. When it is
    over, or broke (`broken`), and not `ended`, the next one is due after `pause()` seconds.
    """

    def __init__(
        self, where: Where, job: Job | str | None, after: str, deadline: float | None = None
    ) -> None:
        self._path = get(job).path + "/events" if job is not None else "/events"
        self._one = job is not None
        self._after = after
        self._lines = Lines(after)
        self._patience = Patience(where)
        self._deadline = deadline
        self._silence = SILENCE
        self._pause = 0.5
        self.ended = False

    @property
    def late(self) -> bool:
        """Whether the time is over."""
        return self._left() <= 0

    def request(self) -> Call:
        """What opens the stream where the last one ended."""
        headers = {"Accept": "text/event-stream"}
        if self._after:
            headers["Last-Event-ID"] = self._after
        self._lines = Lines(self._after)
        self._pause = 0.5
        # A read cannot be cut short, so it never waits for more than half of what is left.
        self._silence = max(SHORTEST, min(SILENCE, self._left() / 2))
        timeout = httpx.Timeout(30, connect=5, read=self._silence)
        return Call("GET", self._path, {"headers": headers, "timeout": timeout})

    def opened(self, response: httpx.Response) -> bool:
        """Whether there is a stream to read. Raises what a refusal means; its body was read."""
        pause = self._patience.answered(response)
        if pause is not None:
            self._pause = min(pause, max(0.0, self._left()))
        elif response.status_code == 204:
            self.ended = True
        return pause is None and not self.ended

    def take(self, line: str) -> Event | None:
        """The event that this line completes, if it does."""
        self._patience.renew()
        event = self._lines.take(line)
        self._after = self._lines.last_id if not line else self._after
        self.ended = self._one and isinstance(event, Done)
        return event

    @property
    def due(self) -> bool:
        """Whether to leave this connection for one that ends nearer to the deadline."""
        return self._left() < self._silence and self._silence > SHORTEST

    def broken(self, error: httpx.TransportError) -> None:
        """The connection broke, or never was. Raises NoServer when patience ends."""
        if isinstance(error, httpx.ReadTimeout) and self._silence < SILENCE:
            self._pause = 0.0
            return
        self._pause = self._patience.after(error)

    def pause(self) -> float:
        """Seconds until the next connection."""
        return self._pause

    def _left(self) -> float:
        return float("inf") if self._deadline is None else self._deadline - time.monotonic()


def deadline(timeout: float | None) -> float | None:
    """The moment at which some seconds from now are over."""
    return None if timeout is None else time.monotonic() + timeout


def seats_taken(error: errors.Unavailable) -> float:
    """Seconds to wait where all seats for streams are taken: jobs go on. Raises any other error."""
    if error.code != "too-many-streams":
        raise error
    return 1.0
