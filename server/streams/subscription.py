"""What one client is still to be told, held in bounded memory."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Condition, Lock

from jobs.records.events import DoneEvent, LastingEvent, LiveEvent, PreviewEvent, TraceEvent
from jobs.records.record import JobRecord

MAX_LASTING = 1024
"""Lasting events a client may be behind; past it it is cut off and resumes from Redis."""

MAX_LIVE = 64
"""Live events a client may be behind: the latest of each kind and job, oldest jobs dropped."""

MAX_PREVIEWS = 512 * 1024
"""Characters of previews among them: some twenty, however large the pictures are."""


class Frame:
    """An event as it goes over the wire: the first who tells it makes it, the others get the same.

    Of an event that a thousand clients follow there is one, for as long as one of them needs it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._made: bytes | None = None

    def made_by(self, make: Callable[[], bytes]) -> bytes:
        """What `make` made when it was first called."""
        with self._lock:
            if self._made is None:
                self._made = make()
            return self._made


Key = tuple[str, str, int, int]
"""What is told by a live event: the job, the kind, the picture and the step; the latest counts."""


@dataclass(frozen=True)
class Entry:
    """A lasting event and its id in the stream; the end of a job with the job as it ended.

    `record` is None of other events, and where the job was deleted since.
    """

    id: str
    event: LastingEvent
    record: JobRecord | None = None
    frame: Frame = field(default_factory=Frame, compare=False)


@dataclass(frozen=True)
class Live:
    """A live event: told to those who follow, and gone."""

    event: LiveEvent
    frame: Frame = field(default_factory=Frame, compare=False)

    @property
    def size(self) -> int:
        """Characters that it keeps in memory, where they are many."""
        if isinstance(self.event, TraceEvent):
            return len(self.event.x) + len(self.event.x0)
        return len(self.event.image) if isinstance(self.event, PreviewEvent) else 0


class Subscription:
    """The queue between the one reader of Redis and one client.

    Lasting events come in order and none is left out. Of live events only the latest of each kind
    is kept, and none comes after the job's end. `overrun` is set where the client did not keep up,
    `revoked` where its device may not come in any more.
    """

    def __init__(
        self, stream: str, owner: str, job: str | None, live: bool, device: str | None = None
    ) -> None:
        self.stream = stream
        self.owner = owner
        self.job = job
        self.live = live
        self.device = device
        self.overrun = False
        self.revoked = False
        self._lasting: deque[Entry] = deque()
        self._latest: OrderedDict[Key, Live] = OrderedDict()
        self._size = 0
        self._woken = False
        self._filled = Condition()

    def offer(self, entry: Entry) -> None:
        """Queue a lasting event; where there is no room the client is marked as overrun."""
        with self._filled:
            if len(self._lasting) >= MAX_LASTING:
                # It is told nothing more, and gets all of this from Redis when it comes back.
                self.overrun = True
                self._lasting.clear()
                self._drop_live(list(self._latest))
            if not self.overrun:
                self._lasting.append(entry)
            if isinstance(entry.event, DoneEvent):
                self._drop_live([key for key in self._latest if key[0] == entry.event.job])
            self._filled.notify()

    def offer_live(self, news: Live) -> None:
        """Queue a live event in place of an older one like it."""
        event = news.event
        if not self.live or self.overrun or self.job not in (None, event.job):
            return
        index = event.index if isinstance(event, PreviewEvent | TraceEvent) else 0
        step = event.step if isinstance(event, TraceEvent) else 0
        key = event.job, event.event, index, step
        with self._filled:
            if older := self._latest.get(key):
                self._size -= older.size
            self._latest[key] = news
            self._size += news.size
            while len(self._latest) > MAX_LIVE or (
                self._size > MAX_PREVIEWS and len(self._latest) > 1
            ):
                self._size -= self._latest.popitem(last=False)[1].size
            self._filled.notify()

    def wake(self) -> None:
        """Let who waits for the next event go on without one: there is something else to see."""
        with self._filled:
            self._woken = True
            self._filled.notify()

    def next(self, timeout: float) -> Entry | Live | None:
        """The next event, lasting ones first; None where it was woken, or nothing came in time."""
        with self._filled:
            self._filled.wait_for(lambda: self._lasting or self._latest or self._woken, timeout)
            self._woken = False
            if self._lasting:
                return self._lasting.popleft()
            if self._latest:
                news = self._latest.popitem(last=False)[1]
                self._size -= news.size
                return news
            return None

    def _drop_live(self, keys: list[Key]) -> None:
        for key in keys:
            self._size -= self._latest.pop(key).size
