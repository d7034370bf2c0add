"""Whose finished picture is encoded next: callers in turn, and the small ones never behind large.

Self-clocked fair queueing (Golestani, 1994) over pixels: each piece of work is due when its caller,
served evenly beside the others, would have had its pixels, and what is due first goes first. So a
small picture goes before larger ones, but no longer than until they have waited as long as is fair;
somebody's hundredth picture does not go before another's first.
"""

from __future__ import annotations

import heapq
import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Condition

from jobs.records.workers import LARGE, LARGE_AT_ONCE
from worker.loop.pace import Pace

PICTURES = LARGE_AT_ONCE + 1
"""Pictures that are worked on at once; zlib lets go of the interpreter, and more would crowd the
engine. One place is left of them for all that is quick."""

THREADS = PICTURES + 1
"""Pieces that are: one thread is left for what only ends, however long a store keeps the others."""

LEAST = 0.1
"""Share of what a piece should take that it takes yet, once it has taken longer."""

LATE, AT_LEAST = 4.0, 1.0
"""How many times as long as it should, and how many seconds, a piece takes before nobody can say
what it takes yet: the store is away, or hangs."""


@dataclass(eq=False)
class Piece:
    """Something to be done for a job: to encode and store `pixels` of a picture, or none, as where
    a job only ends."""

    job: str
    caller: str
    pixels: int
    work: Callable[[], None]
    due: int = 0
    added: float = field(default_factory=time.monotonic)
    began: float = 0.0

    @property
    def large(self) -> bool:
        """Whether it keeps a thread for long."""
        return self.pixels > LARGE


class Turns:
    """What waits, in the order in which it is to be done; any thread may call anything here."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._waiting: dict[bool, list[tuple[int, int, Piece]]] = {False: [], True: []}
        self._ends = deque[Piece]()
        self._running: list[Piece] = []
        self._had: dict[tuple[str, bool], int] = {}
        self._now = self._added = 0
        self._closed = False

    def add(self, piece: Piece) -> None:
        """The piece waits for its turn. One without pixels goes before all that have some."""
        with self._changed:
            if not piece.pixels:
                self._ends.append(piece)
                self._changed.notify()
                return
            # Somebody's large pictures do not stand before his small ones either.
            whose = piece.caller, piece.large
            piece.due = max(self._now, self._had.get(whose, 0)) + piece.pixels
            self._had[whose] = piece.due
            self._added += 1
            heapq.heappush(self._waiting[piece.large], (piece.due, self._added, piece))
            self._changed.notify()

    def take(self) -> Piece | None:
        """The piece whose turn it is, once there is one; None when all is done after `close`."""
        with self._changed:
            while (piece := self._next()) is None:
                if self._closed and not (self._ends or any(self._waiting.values())):
                    return None
                self._changed.wait()
            piece.began = time.monotonic()
            self._running.append(piece)
            return piece

    def done(self, piece: Piece) -> None:
        """The piece is no longer worked on."""
        with self._changed:
            self._running.remove(piece)
            self._changed.notify_all()

    def hurry(self, job: str) -> None:
        """The job has ended another way: its pieces have nothing more to store, and give back what
        they hold before others have their turn."""
        with self._changed:
            for large, waiting in self._waiting.items():
                left = [each for each in waiting if each[-1].job != job]
                if len(left) == len(waiting):
                    continue
                for *_, piece in waiting:
                    if piece.job == job:
                        piece.pixels = 0
                        self._ends.append(piece)
                heapq.heapify(left)
                self._waiting[large] = left
                self._changed.notify_all()

    def close(self) -> None:
        """Nothing more will come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def left(self, pace: Pace) -> dict[str, float]:
        """For each job of which pictures wait or are being worked on the seconds until all of them
        should be done, at this pace; jobs for whose pictures it is not known are missing."""
        with self._changed:
            running = self._running.copy()
            waiting = {large: sorted(each) for large, each in self._waiting.items()}
        ends: dict[str, float | None] = {}
        for large, lanes in ((False, PICTURES - LARGE_AT_ONCE), (True, LARGE_AT_ONCE)):
            begun = [each for each in running if each.large is large]
            _lay(begun, [piece for *_, piece in waiting[large]], lanes, pace, ends)
        return {job: end for job, end in ends.items() if end is not None and end < math.inf}

    def _next(self) -> Piece | None:
        if self._ends:
            return self._ends.popleft()
        if sum(each.pixels > 0 for each in self._running) >= PICTURES:
            return None
        able = [self._waiting[False]]
        if sum(each.large for each in self._running) < LARGE_AT_ONCE:
            able.append(self._waiting[True])
        first = min(filter(None, able), default=None)
        if first is None:
            return None
        due, _, piece = heapq.heappop(first)
        self._now = max(self._now, due)
        self._had = {whose: had for whose, had in self._had.items() if had > self._now}
        return piece


def _lay(
    running: Iterable[Piece],
    waiting: Iterable[Piece],
    lanes: int,
    pace: Pace,
    ends: dict[str, float | None],
) -> None:
    """Put pieces one after the other into so many lanes, and say when the last of each job ends."""
    now = time.monotonic()
    free: list[float] = []
    for piece in running:
        if not piece.pixels:
            continue
        took, taken = pace.seconds(piece.pixels), now - piece.began
        left = None if took is None else max(LEAST * took, took - taken)
        if took is not None and taken > max(AT_LEAST, LATE * took):
            # Nor of what comes after it.
            left = math.inf
        free.append(left or 0.0)
        _end(ends, piece.job, left)
    free.extend([0.0] * (lanes - len(free)))
    heapq.heapify(free)
    for piece in waiting:
        took = pace.seconds(piece.pixels)
        end = heapq.heappop(free) + (took or 0.0)
        heapq.heappush(free, end)
        _end(ends, piece.job, None if took is None else end)


def _end(ends: dict[str, float | None], job: str, end: float | None) -> None:
    before = ends.get(job, 0.0)
    ends[job] = None if before is None or end is None else max(before, end)
