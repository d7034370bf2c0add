"""What one client is still to be told, held in bounded memory."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from threading import Condition

from jobs.records.events import DoneEvent, LastingEvent, LiveEvent, PreviewEvent

MAX_LASTING = 1024
"""Lasting events a client may be behind; past it it is cut off and resumes from Redis."""

MAX_LIVE = 64
"""Live events a client may be behind: the latest of each kind and job, oldest jobs dropped."""


@dataclass(frozen=True)
class Entry:
    """A lasting event and its id in the stream."""

    id: str
    event: LastingEvent


class Subscription:
    """The queue between the one reader of Redis and one client.

    Lasting events come in order and none is left out. Of live events only the latest of each kind
    is kept, and none comes after the job's end.
    """

    def __init__(self, stream: str, owner: str, job: str | None, live: bool) -> None:
        self.stream = stream
        self.owner = owner
        self.live = live
        self.overrun = False
        self._job = job
        self._lasting: deque[Entry] = deque()
        self._latest: OrderedDict[tuple[str, str, int], LiveEvent] = OrderedDict()
        self._filled = Condition()

    def offer(self, entry: Entry) -> None:
        """Queue a lasting event; where there is no room the client is marked as overrun."""
        with self._filled:
            if len(self._lasting) >= MAX_LASTING:
                self.overrun = True
            else:
                self._lasting.append(entry)
            if isinstance(entry.event, DoneEvent):
                for key in [key for key in self._latest if key[0] == entry.event.job]:
                    del self._latest[key]
            self._filled.notify()

    def offer_live(self, event: LiveEvent) -> None:
        """Queue a live event in place of an older one like it."""
        if not self.live or self._job not in (None, event.job):
            return
        index = event.index if isinstance(event, PreviewEvent) else 0
        with self._filled:
            self._latest[event.job, event.event, index] = event
            if len(self._latest) > MAX_LIVE:
                self._latest.popitem(last=False)
            self._filled.notify()

    def next(self, timeout: float) -> Entry | LiveEvent | None:
        """The next event, lasting ones first; None after `timeout` seconds without one."""
        with self._filled:
            self._filled.wait_for(lambda: self._lasting or self._latest, timeout)
            if self._lasting:
                return self._lasting.popleft()
            if self._latest:
                return self._latest.popitem(last=False)[1]
            return None
